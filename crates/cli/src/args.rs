//! The command line: what people may type, and which command it starts.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::{Shell, generate};
use guestlist_planner::limits::Hand;
use guestlist_planner::plan::Request;
use jiff::Timestamp;

use crate::exit::Exit;
use crate::explaining::{ExpiringArgs, ExplainArgs};
use crate::failure::Failure;
use crate::importing::ImportArgs;
use crate::logging::{self, LogFormat};
use crate::notifying::NotifyArgs;
use crate::output::print;
use crate::starting::InitArgs;
use crate::{
    applying, doctoring, editing, explaining, importing, notifying, observing, planning, reporting,
    sandbox, showing, starting, validating,
};

/// Keeps the external guests of a Microsoft Entra ID tenant as YAML in git.
#[derive(Debug, Parser)]
#[command(
    name = "guestlist",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done or nothing to do, 1 error, 2 changes are pending (--detailed-exitcode), 3 refused by a limit, 4 partly applied."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// The repository: the folder that holds guests/ and policies/.
    #[arg(short = 'C', value_name = "DIR", default_value = ".", global = true)]
    pub(crate) dir: PathBuf,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = When::Auto, global = true)]
    color: When,
    /// How to sign in, instead of what the environment says.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) auth: Option<String>,
    /// How long to wait for one answer of the tenant, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 100, global = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Say more: -v what is read and written, -vv every request.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// How to write on stderr what a run does: for people, or one JSON object a line.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

impl Common {
    /// Returns how long to wait for one answer.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// Returns whether a stream gets colours.
    pub(crate) fn color(&self, terminal: bool) -> bool {
        match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the files that a repository begins with. No file that is there is touched.
    #[command(
        after_help = "Examples:\n  guestlist init --tenant contoso.onmicrosoft.com --owner partner-access --ci github"
    )]
    Init(InitArgs),
    /// Check the files, offline.
    #[command(
        after_help = "Examples:\n  guestlist validate\n  guestlist validate --format github   # in a pull request"
    )]
    Validate {
        /// How to print mistakes.
        #[arg(long, value_enum, default_value_t = Checks::Text)]
        format: Checks,
    },
    /// Show what would change. Reads the tenant, never writes to it.
    #[command(
        after_help = "Examples:\n  guestlist plan\n  guestlist plan --at +30d              # as of another day\n  guestlist plan --out plan.json        # for apply plan.json\n  guestlist plan --format markdown      # for a comment"
    )]
    Plan(PlanArgs),
    /// Plan, show, ask, execute; with a saved PLAN, execute only what was approved.
    #[command(
        after_help = "Examples:\n  guestlist apply                       # shows the plan and asks\n  guestlist apply plan.json             # only what was approved\n  guestlist apply --yes --no-removals   # in a job, nothing is taken from anybody\n  guestlist apply --only ada@contoso.example"
    )]
    Apply(ApplyArgs),
    /// Print a saved plan, or the journal of an apply.
    #[command(after_help = "Examples:\n  guestlist show plan.json --format markdown")]
    Show {
        /// The file that `plan --out` wrote, or one below .guestlist/journal/.
        #[arg(value_name = "PLAN")]
        plan: PathBuf,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// In Markdown, show no address in full and no property: for public repositories.
        #[arg(long)]
        mask: bool,
    },
    /// Write YAML for the guests that the tenant has and no file declares.
    #[command(
        after_help = "Examples:\n  guestlist import --dry-run\n  guestlist import --expires +180d --spread 8"
    )]
    Import(ImportArgs),
    /// Everything about one guest: the account, what it holds and why, what happens next.
    #[command(after_help = "Examples:\n  guestlist explain ada@contoso.example")]
    Explain(ExplainArgs),
    /// Who loses access soon, going by the files.
    #[command(
        after_help = "Examples:\n  guestlist expiring --within 60d\n  guestlist expiring --format markdown  # by sponsor, for an issue"
    )]
    Expiring(ExpiringArgs),
    /// Tell sponsors by mail whose guests are about to lose access. Only shows the mails without --send.
    #[command(
        after_help = "Examples:\n  guestlist notify --within 14d         # shows the mails\n  guestlist notify --within 14d --send"
    )]
    Notify(NotifyArgs),
    /// Sign in, and say of each feature whether it is ready and what is missing.
    #[command(after_help = "Examples:\n  guestlist doctor\n  guestlist doctor --auth azure-cli")]
    Doctor,
    /// Print the JSON Schema of the files, for editors, or of a plan, for programs.
    #[command(after_help = "Examples:\n  guestlist schema guests > guests.schema.json")]
    Schema {
        /// Of what.
        #[arg(value_enum)]
        of: Described,
    },
    /// Write a page: who is in, who vouches, which access until when. It is personal data.
    #[command(after_help = "Examples:\n  guestlist report --out report.html")]
    Report(ReportArgs),
    /// Save what the tenant has, for `plan --observed`. It is personal data.
    #[command(after_help = "Examples:\n  guestlist observe --out snapshot.json")]
    Observe {
        /// The file to write; without it, stdout.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Give declared guests more time: sets `expires` in the files, and changes nothing else there.
    #[command(
        after_help = "Examples:\n  guestlist renew ada@contoso.example --until 2028-12-31\n  guestlist renew ada@contoso.example mary@contoso.example --until +180d --dry-run"
    )]
    Renew(RenewArgs),
    /// Take guests out of the files. The next apply ends their access.
    #[command(after_help = "Examples:\n  guestlist remove ada@contoso.example --dry-run")]
    Remove {
        #[command(flatten)]
        guests: Named,
        #[command(flatten)]
        editing: Editing,
    },
    /// Take guests out of the files whose off-boarding is complete, and mark those who left.
    #[command(after_help = "Examples:\n  guestlist tidy --dry-run")]
    Tidy {
        /// Go by a saved snapshot, without credentials.
        #[arg(long, value_name = "FILE")]
        observed: Option<PathBuf>,
        #[command(flatten)]
        editing: Editing,
    },
    /// Print what completes this command in a shell.
    #[command(after_help = "Examples:\n  guestlist completions bash > guestlist.bash")]
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// The embedded tenant.
    #[command(subcommand)]
    Sandbox(SandboxCommand),
}

/// How to print a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For a pull request.
    Markdown,
    /// For a browser: one page that loads nothing.
    Html,
    /// Annotations beside the lines of a pull request on GitHub.
    Github,
}

/// What there is a JSON Schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Described {
    /// Files below guests/.
    Guests,
    /// Files below policies/.
    Policies,
    /// What `plan --format json` and `plan --out` write.
    Plan,
}

/// How to print mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Checks {
    /// For people.
    Text,
    /// Annotations beside the lines of a pull request on GitHub.
    Github,
}

/// What changes what is planned.
#[derive(Args, Clone, Debug)]
pub(crate) struct Choice {
    /// Only this guest.
    #[arg(long, value_name = "MAIL")]
    only: Option<String>,
    /// Do everything but what takes something away.
    #[arg(long)]
    no_removals: bool,
    /// Lift `limits.removals` up to N guests, for this run.
    #[arg(long, value_name = "N")]
    allow_removals: Option<usize>,
    /// Lift `limits.expiries` up to N guests, for this run.
    #[arg(long, value_name = "N")]
    allow_expiries: Option<usize>,
    /// Lift `limits.weakened` up to N policies, for this run.
    #[arg(long, value_name = "N")]
    allow_weakened: Option<usize>,
    /// Make declared guests ours that carry OWNER's stamp.
    #[arg(long, value_name = "OWNER")]
    take_over: Option<String>,
    /// Move the stamps of declared guests from this attribute to `tenant.stamp`.
    #[arg(long, value_name = "ATTRIBUTE")]
    stamp_was: Option<String>,
}

impl Choice {
    pub(crate) fn request(&self) -> Request {
        Request {
            hand: Hand {
                removals: self.allow_removals,
                expiries: self.allow_expiries,
                weakened: self.allow_weakened,
            },
            only: self.only.clone(),
            approved: None,
            no_removals: self.no_removals,
            take_over: self.take_over.clone(),
            moved_from: self.stamp_was.clone(),
        }
    }
}

/// `plan`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Plan as of another day: an instant (RFC 3339), a day, or +30d.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// Plan against a saved snapshot, without credentials.
    #[arg(long, value_name = "FILE")]
    pub(crate) observed: Option<PathBuf>,
    /// Save the plan, for review and `apply PLAN`. It is personal data.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// In Markdown, show no address in full and no property: for public repositories.
    #[arg(long)]
    pub(crate) mask: bool,
    /// Add the plan in Markdown to the summary of the job on GitHub ($GITHUB_STEP_SUMMARY).
    #[arg(long)]
    pub(crate) summary: bool,
    /// Exit with 2 when changes are pending.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// `report`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArgs {
    /// Report as of another day: an instant (RFC 3339), a day, or +30d.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// Report on a saved snapshot, without credentials.
    #[arg(long, value_name = "FILE")]
    pub(crate) observed: Option<PathBuf>,
    /// The file to write; without it, stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `apply`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// The file that `plan --out` wrote: only its steps are executed.
    pub(crate) plan: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// How long to wait for what was just created to become usable, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) settle: u64,
}

/// Guests that are declared.
#[derive(Args, Clone, Debug)]
pub(crate) struct Named {
    /// Their addresses.
    #[arg(value_name = "MAIL", required = true)]
    pub(crate) mails: Vec<String>,
}

/// What every command takes that edits the files.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Editing {
    /// Print what would change, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `renew`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RenewArgs {
    #[command(flatten)]
    pub(crate) guests: Named,
    /// The last day: a day, an instant (RFC 3339), or +180d, counted from today.
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub(crate) until: String,
    #[command(flatten)]
    pub(crate) editing: Editing,
}

/// `sandbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Serve the embedded tenant on loopback until stopped.
    #[command(
        after_help = "Examples:\n  guestlist sandbox serve --port 8080\n  guestlist sandbox serve --port 8443 --tls ca.pem --latency 20"
    )]
    Serve(ServeArgs),
    /// Forget it: the next use begins anew.
    Reset,
}

/// `sandbox serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Serve over TLS and write the CA's certificate here, for SSL_CERT_FILE. Signing in for real,
    /// as guestlist itself does, needs this.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls: Option<PathBuf>,
    /// How many seconds a new object takes to show everywhere.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub(crate) replication: f64,
    /// How many milliseconds every answer takes.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) latency: u64,
}

/// Runs the command that was asked for.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are what was asked for; anything else is an error, also for exit codes.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Error
            } else {
                Exit::Done
            };
        }
    };
    let color = cli.common.color(std::io::stderr().is_terminal());
    logging::begin(cli.common.log_format, cli.common.verbose, color);
    match start(&cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print(color);
            Exit::Error
        }
    }
}

fn start(cli: &Cli) -> Result<Exit, Failure> {
    let now = now();
    let common = &cli.common;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::file("the runtime"))?;
    let exit = match &cli.command {
        Command::Init(args) => starting::init(common, args, now),
        Command::Validate { format } => validating::validate(common, *format, now),
        Command::Plan(args) => runtime.block_on(planning::plan(common, args, now)),
        Command::Apply(args) => runtime.block_on(applying::apply(common, args, now)),
        Command::Show { plan, format, mask } => showing::show(common, plan, *format, *mask),
        Command::Import(args) => runtime.block_on(importing::run(common, args, now)),
        Command::Explain(args) => runtime.block_on(explaining::explained(common, args, now)),
        Command::Expiring(args) => explaining::expiring(common, args, now),
        Command::Notify(args) => runtime.block_on(notifying::run(common, args, now)),
        Command::Doctor => runtime.block_on(doctoring::doctor(common, now)),
        Command::Schema { of } => schema(*of),
        Command::Completions { shell } => completions(*shell),
        Command::Report(args) => runtime.block_on(reporting::report(common, args, now)),
        Command::Observe { out } => {
            runtime.block_on(observing::observe(common, out.as_deref(), now))
        }
        Command::Renew(args) => editing::renew(common, args, now),
        Command::Remove { guests, editing } => editing::remove(common, guests, *editing, now),
        Command::Tidy { observed, editing } => {
            runtime.block_on(editing::tidy(common, observed.as_deref(), *editing, now))
        }
        Command::Sandbox(SandboxCommand::Serve(args)) => {
            runtime.block_on(sandbox::serve(common, args))
        }
        Command::Sandbox(SandboxCommand::Reset) => sandbox::reset(common),
    };
    // A sign-in that nobody waits for any more must not hold up what there is to say.
    runtime.shutdown_background();
    exit
}

fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "guestlist", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

fn schema(of: Described) -> Result<Exit, Failure> {
    let schema = match of {
        Described::Guests => guestlist_planner::schema::guests(),
        Described::Policies => guestlist_planner::schema::policies(),
        Described::Plan => guestlist_planner::schema::plan(),
    };
    print(&format!("{schema:#}\n"))?;
    Ok(Exit::Done)
}

/// Returns the instant it is, to the second: stamps and plans know no finer one.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
