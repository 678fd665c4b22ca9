//! `init`: writes the files that a repository begins with, and the workflows of a CI system.

use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;
use guestlist_planner::load::load;
use guestlist_planner::start::{Start, start};
use guestlist_planner::yaml::Source;
use jiff::Timestamp;

use crate::args::Common;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Files;
use crate::importing::write;
use crate::output::print;

/// `init`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct InitArgs {
    /// The tenant's id or a domain of it; `sandbox` is the embedded one.
    #[arg(long, value_name = "ID", default_value = "sandbox", value_parser = NonEmptyStringValueParser::new())]
    tenant: String,
    /// The name of the repository, part of the stamp of every guest: such as partner-access.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The time zone in which days begin and end, such as Europe/Helsinki.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
    /// Also write workflows: plan pull requests, apply after a merge and every night.
    #[arg(long, value_enum, default_value_t = Ci::None)]
    ci: Ci,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ci {
    Github,
    AzurePipelines,
    Gitlab,
    Kubernetes,
    None,
}

pub(crate) fn init(common: &Common, args: &InitArgs, now: Timestamp) -> Result<Exit, Failure> {
    let sources = start(Start {
        tenant: &args.tenant,
        owner: args.owner.as_deref(),
        time_zone: &args.time_zone,
    });
    load(&sources, now).map_err(|mistakes| Failure::Given(mistakes, sources.to_vec()))?;
    let there = Files::read(&common.dir);
    let mut out = String::new();
    for source in &sources {
        let folder = source.path.split_inclusive('/').next().unwrap_or_default();
        let other = there
            .sources()
            .iter()
            .find(|it| it.path.starts_with(folder));
        match other {
            Some(other) => out += &left(&other.path),
            None => out += &written(common, source)?,
        }
    }
    for (path, text) in beside(args.ci) {
        let (path, text) = (path.to_owned(), text.to_owned());
        out += &written(common, &Source { path, text })?;
    }
    print(&format!("{out}{}", next(args.ci)))?;
    Ok(Exit::Done)
}

/// Writes a file, unless there is one, and says which.
fn written(common: &Common, file: &Source) -> Result<String, Failure> {
    // Also a link that leads nowhere is somebody's.
    if common.dir.join(&file.path).symlink_metadata().is_ok() {
        return Ok(left(&file.path));
    }
    write(&common.dir, file)?;
    Ok(format!("{}\n", file.path))
}

fn left(path: &str) -> String {
    format!(
        "note: {} is there already and stays as it is\n",
        guestlist_planner::safe::printable(path)
    )
}

/// Returns the files that stand beside guests/ and policies/. The workflows are those of docs/ci.
fn beside(ci: Ci) -> Vec<(&'static str, &'static str)> {
    macro_rules! recipe {
        ($path:literal) => {
            include_str!(concat!("../../../docs/ci/", $path))
        };
    }
    let mut files = vec![(
        ".gitignore",
        "# Journals and the like: personal data.\n.guestlist/\n",
    )];
    files.extend(match ci {
        Ci::Github => vec![
            (
                ".github/workflows/guestlist-plan.yml",
                recipe!("github/guestlist-plan.yml"),
            ),
            (
                ".github/workflows/guestlist-apply.yml",
                recipe!("github/guestlist-apply.yml"),
            ),
            (
                ".github/workflows/guestlist-nightly.yml",
                recipe!("github/guestlist-nightly.yml"),
            ),
            (
                ".github/workflows/guestlist-renewals.yml",
                recipe!("github/guestlist-renewals.yml"),
            ),
            (".github/CODEOWNERS", GITHUB_OWNERS),
        ],
        Ci::AzurePipelines => vec![("azure-pipelines.yml", recipe!("azure-pipelines.yml"))],
        Ci::Gitlab => vec![
            (".gitlab-ci.yml", recipe!("gitlab-ci.yml")),
            (".gitlab/CODEOWNERS", GITLAB_OWNERS),
        ],
        Ci::Kubernetes => vec![(
            "kubernetes-cronjob.yaml",
            recipe!("kubernetes-cronjob.yaml"),
        )],
        Ci::None => vec![],
    });
    files
}

const GITHUB_OWNERS: &str = "\
# Who must agree to a change of which files. Put your teams in, take away the `#`, and let the branch
# protection of main require reviews from code owners.
# * @ORG/tenant-admins
# /guests/ @ORG/sponsors
";

const GITLAB_OWNERS: &str = "\
# Who must agree to a change of which files. Put your groups in, take away the `#`, and let the protected
# branch main require approval from code owners.
# * @GROUP/tenant-admins
# /guests/ @GROUP/sponsors
";

fn next(ci: Ci) -> String {
    let mut out = "\
Next:
  read and edit policies/tenant.yaml
  guestlist doctor     signs in, and says what permission is missing
  guestlist import     writes files for the guests that the tenant has
  guestlist plan       shows what would change, and changes nothing
"
    .to_owned();
    if ci != Ci::None {
        out += "  put the address of the program in for https://github.invalid/ORG/guestlist
  docs/ci/README.md of guestlist says what else to fill in for CI, and how its jobs sign in\n";
    }
    out
}
