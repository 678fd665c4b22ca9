//! The documentation is true: every command in it is run. Each page is followed from top to bottom, in a
//! copy of the example repository, as a reader would:
//!
//! - `sh`: a line that begins with `guestlist` or `cargo run --release --` is run. It ends with 0, or as a
//!   comment says: `# exits with 1`, `# until Ctrl-C`. Whoever is asked by `apply` says yes.
//! - `yaml` with `# some/file.yaml` as its first line is written to that file; without, it fits the schemas.
//! - `diff` with such a first line edits that file.
//! - `text`: steps of a plan in it are among what the commands before it printed.
//! - `guestlist …` anywhere else: the command and its options exist.
//!
//! The files are for the embedded tenant, or for `fabrikam.example`, which is served.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use guestlist_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::harness::{Repository, Tenant, root};
use crate::schema::validator;

/// The pages that have commands.
const FOLLOWED: [&str; 7] = [
    "README.md",
    "docs/cookbook.md",
    "docs/mail.md",
    "docs/operations.md",
    "docs/pull-requests.md",
    "docs/starting.md",
    "docs/tutorial.md",
];

/// What else readers are told to type, and why it is not run.
const NOT_RUN: [(&str, &str); 2] = [
    (
        "cargo install --locked --path crates/cli",
        "the program is built",
    ),
    ("git restore guests", "the copy is in no git repository"),
];

#[test]
fn the_readme_can_be_followed() {
    follow("README.md", Repository::example());
}

#[test]
fn the_cookbook_can_be_followed() {
    follow("docs/cookbook.md", Repository::example());
}

#[test]
fn mail_can_be_followed() {
    follow("docs/mail.md", Repository::example());
}

#[test]
fn operations_can_be_followed() {
    follow("docs/operations.md", Repository::example());
}

#[test]
fn pull_requests_can_be_followed() {
    follow("docs/pull-requests.md", Repository::example());
}

#[test]
fn starting_can_be_followed() {
    follow("docs/starting.md", Repository::new(&[]));
}

#[test]
fn the_tutorial_can_be_followed() {
    follow("docs/tutorial.md", Repository::example());
}

#[test]
fn no_command_is_forgotten() {
    let (mut with_commands, mut others) = (BTreeSet::new(), BTreeSet::new());
    for page in pages() {
        for block in blocks(&page).iter().filter(|block| block.language == "sh") {
            for line in block.commands() {
                if words(line).is_some() {
                    with_commands.insert(page.clone());
                } else {
                    others.insert(line.to_owned());
                }
            }
        }
    }
    assert_eq!(with_commands, FOLLOWED.map(str::to_owned).into());
    assert_eq!(others, NOT_RUN.map(|(line, _)| line.to_owned()).into());
}

#[test]
fn what_the_pages_mention_exists() {
    let known = commands();
    let mut mentions = 0;
    for page in pages() {
        for span in spans(&page) {
            let mut words: Vec<_> = span.split_whitespace().collect();
            let is_stamp = span.contains('=');
            if words[0] == "guestlist" && words.len() > 1 && !is_stamp {
                words.remove(0);
            } else if !known.contains(words[0]) || !span.contains(" --") {
                continue;
            }
            assert_exists(&words, &page);
            mentions += 1;
        }
    }
    assert!(mentions > 20, "{mentions}");
}

#[test]
fn what_workflows_run_exists() {
    let known = commands();
    let mut mentions = 0;
    let recipes = files("docs/ci", ".yml").chain(files("docs/ci/github", ".yml"));
    for recipe in recipes.chain(["README.md".to_owned()]) {
        for line in text(&recipe).lines() {
            let line = line.replace("cargo run --release -- ", "guestlist ");
            let line = line.split(" #").next().unwrap();
            for after in line.split("guestlist ").skip(1) {
                let command = after.split(['|', '>', '&', ';', '`']).next().unwrap();
                let words: Vec<_> = command.split_whitespace().collect();
                if words.first().is_some_and(|word| known.contains(*word)) {
                    assert_exists(&words, &recipe);
                    mentions += 1;
                }
            }
        }
    }
    assert!(mentions > 10, "{mentions}");
}

#[test]
fn yaml_in_the_pages_fits_the_schemas() {
    let (guests, policies) = (validator("guests"), validator("policies"));
    for page in pages() {
        for block in blocks(&page) {
            let for_ci = block.text.contains("run:");
            if block.language != "yaml" || block.path().is_some() || for_ci {
                continue;
            }
            let mut value: Value = serde_yaml::from_str(&block.text).unwrap();
            if value.is_array() {
                value = json!({ "guests": value });
            }
            let validator = match value.get("guests") {
                Some(_) => &guests,
                None => &policies,
            };
            if let Err(error) = validator.validate(&value) {
                panic!("{page}: {error}\n{}", block.text);
            }
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let (folder, _) = page.rsplit_once('/').unwrap_or_default();
        for link in prose(&page).split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") || link.starts_with('{') {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = match path {
                "" => page.clone(),
                path => format!("{folder}/{path}")
                    .trim_start_matches('/')
                    .to_owned(),
            };
            assert!(root().join(&path).exists(), "{page}: {link}");
            let found = heading.is_empty() || headings(&path).contains(heading);
            assert!(found, "{page}: {link}");
        }
    }
}

/// Does what a page says.
fn follow(page: &str, repository: Repository) {
    let tenant = Tenant::serve(Sandbox::seeded(jiff::Timestamp::now()));
    let mut said = String::new();
    for block in blocks(page) {
        match (block.language.as_str(), block.path()) {
            ("yaml", Some(path)) => repository.write(path, &block.text),
            ("diff", Some(path)) => edit(&repository, path, &block.text),
            ("sh", _) => {
                said.clear();
                for line in block.commands() {
                    said += &run(page, line, &repository, &tenant);
                }
            }
            ("text", _) => assert_shows(page, &block.text, &said),
            _ => {}
        }
    }
}

/// Runs a line, and returns all it said.
fn run(page: &str, line: &str, repository: &Repository, tenant: &Tenant) -> String {
    let Some(mut words) = words(line) else {
        return String::new();
    };
    if words.contains(&"apply") && !words.contains(&"--yes") {
        words.push("--yes");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestlist"));
    let served = tenant.command(repository, &[]);
    let served = served
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(served);
    command.current_dir(repository.path()).stdin(Stdio::null());
    if line.ends_with("# until Ctrl-C") {
        // The port may be taken here.
        return started(command.args(words.iter().map(|word| word.replace("8443", "0"))));
    }
    let output = command.args(&words).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let expected = match line.split_once("# exits with ") {
        Some((_, code)) => code[..1].parse().unwrap(),
        None => 0,
    };
    assert_eq!(
        output.status.code(),
        Some(expected),
        "{page}: {line}\n{said}"
    );
    said
}

/// Starts what serves until it is stopped, and returns its first line.
fn started(command: &mut Command) -> String {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("export "), "{line}");
    line
}

/// Edits a file: what `-` and a space begin must stand in it once.
fn edit(repository: &Repository, path: &str, diff: &str) {
    let side = |other: char| -> String {
        let lines = diff.lines().skip(1).filter(|line| !line.starts_with(other));
        lines.map(|line| format!("{}\n", &line[1..])).collect()
    };
    let text = std::fs::read_to_string(repository.path().join(path)).unwrap();
    let (before, after) = (side('+'), side('-'));
    assert_eq!(text.matches(&before).count(), 1, "{path}:\n{before}");
    repository.write(path, text.replace(&before, &after));
}

/// Fails unless each step of a plan was printed. Why it is there may hold a date, and is left out.
fn assert_shows(page: &str, text: &str, said: &str) {
    let is_step = |line: &&str| {
        let start: Vec<_> = line.chars().take(3).collect();
        matches!(start[..], ['+' | '~' | '-', ' ', 'a'..='z'])
    };
    let step = |line: &str| line.split("  ").next().unwrap().to_owned();
    let printed: BTreeSet<_> = said.lines().map(step).collect();
    for line in text.lines().filter(is_step) {
        assert!(printed.contains(&step(line)), "{page}: {line}\n{said}");
    }
}

/// Fails unless the command has the options.
fn assert_exists(words: &[&str], page: &str) {
    let is_plain = |word: &&&str| word.chars().all(|letter| letter.is_ascii_lowercase());
    let mut asked: Vec<_> = words.iter().take_while(is_plain).copied().collect();
    asked.push("--help");
    let help = Repository::new(&[]).run(&asked);
    assert_eq!(help.code, 0, "{page}: {words:?}\n{}", help.stderr);
    let options: BTreeSet<_> = help.stdout.split([' ', ',', '\n']).collect();
    for option in words
        .iter()
        .filter(|word| word.starts_with('-') && **word != "--")
    {
        assert!(options.contains(option), "{page}: {option} in {words:?}");
    }
}

/// Returns the names of all commands.
fn commands() -> BTreeSet<String> {
    let help = Repository::new(&[]).run(&["--help"]).ends(0).stdout;
    let listed = help.split_once("Commands:\n").unwrap().1;
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A fenced block of a page.
struct Block {
    language: String,
    text: String,
}

impl Block {
    /// Returns the file that it is about.
    fn path(&self) -> Option<&str> {
        let path = self.text.lines().next()?.strip_prefix("# ")?;
        path.ends_with(".yaml").then_some(path)
    }

    /// Returns the lines that are not comments.
    fn commands(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines();
        lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
    }
}

/// Returns the words after the program's name, if it is ours.
fn words(line: &str) -> Option<Vec<&str>> {
    let command = line.split(" #").next()?;
    let command = ["guestlist ", "cargo run --release -- "]
        .iter()
        .find_map(|program| command.strip_prefix(program))?;
    Some(command.split_whitespace().collect())
}

/// Returns the fenced blocks of a page, without their indentation.
fn blocks(page: &str) -> Vec<Block> {
    let text = text(page);
    let mut fences = text.split("```");
    let mut before = fences.next().unwrap();
    let mut blocks = Vec::new();
    while let Some(inside) = fences.next() {
        let indent = before.rsplit('\n').next().unwrap();
        let (language, text) = inside.split_once('\n').unwrap();
        let lines = text
            .lines()
            .map(|line| line.strip_prefix(indent).unwrap_or(line));
        blocks.push(Block {
            language: language.to_owned(),
            text: lines.map(|line| format!("{line}\n")).collect(),
        });
        before = fences.next().unwrap();
    }
    blocks
}

/// Returns what stands in backticks in the prose of a page.
fn spans(page: &str) -> Vec<String> {
    let prose = prose(page);
    let spans = prose.split('`').skip(1).step_by(2);
    spans
        .filter(|span| !span.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns a page without its fenced blocks.
fn prose(page: &str) -> String {
    text(page).split("```").step_by(2).collect()
}

/// Returns the headings of a page, as GitHub names them in links.
fn headings(page: &str) -> BTreeSet<String> {
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let named = headings.map(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    });
    named.collect()
}

/// Returns the pages for readers.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "docs/ci/README.md".to_owned()];
    pages.extend(files("docs", ".md"));
    pages
}

/// Returns the files of a folder whose names end so.
fn files(folder: &str, end: &str) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(move |name| name.ends_with(end))
        .map(move |name| format!("{folder}/{name}"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}
