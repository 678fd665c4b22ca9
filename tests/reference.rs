//! docs/reference.md: all commands, from their help, and all keys of the files, from the JSON Schemas.
//! The test says when it is not what the code says; with `UPDATE_REFERENCE=1` set it is written anew.

use std::fmt::Write;

use serde_json::Value;

use crate::harness::{Repository, root};

const HEAD: &str = "\
# Reference

All commands with their options, and all keys of the files. This page is made from the program, by
`UPDATE_REFERENCE=1 cargo test -p guestlist-cli --test end-to-end reference`; a test compares the two. What the keys do
is explained in [files.md](files.md) and [policies.md](policies.md), how the commands are used in
[operations.md](operations.md).

What stands for `guestlist` itself, such as `-C` and `--auth`, every command takes.

- [Commands](#commands)
- [Files below guests/](#files-below-guests)
- [Files below policies/](#files-below-policies)
";

/// The options that every command takes: they are listed once, with the program.
const COMMON: [&str; 6] = ["-C", "--color", "--auth", "--timeout", "-v", "-h"];

#[test]
fn the_reference_is_what_the_program_says() {
    let path = root().join("docs/reference.md");
    let mut page = HEAD.to_owned();
    page += "\n## Commands\n";
    command(&[], &mut page);
    for files in ["guests", "policies"] {
        keys(files, &mut page);
    }
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let told = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        told == page,
        "docs/reference.md is not what the program says: run this test with UPDATE_REFERENCE=1"
    );
}

/// Writes what a command's help says, and then the same of the commands below it.
fn command(words: &[&str], page: &mut String) {
    let asked = [words, &["--help"]].concat();
    let help = Repository::new(&[]).run(&asked).ends(0).stdout;
    let title = [&["guestlist"], words].concat().join(" ");
    let shown = if words.is_empty() {
        help.clone()
    } else {
        without_common(&help)
    };
    writeln!(page, "\n### {title}\n\n```text\n{}\n```", shown.trim_end()).unwrap();
    let listed = help.split_once("Commands:\n").unwrap_or_default().1;
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let name = line.trim_start().split(' ').next().unwrap();
        // What a command does may go on in lines that stand further in.
        let is_command = !line.starts_with("   ");
        if is_command && name != "help" {
            command(&[words, &[name]].concat(), page);
        }
    }
}

/// Leaves out the options that every command takes.
fn without_common(help: &str) -> String {
    let (mut kept, mut keep) = (String::new(), true);
    for line in help.lines() {
        let entry = line.trim_start();
        if entry.starts_with('-') && line.len() - entry.len() <= 6 {
            let option = entry.split([' ', ',']).next().unwrap();
            keep = !COMMON.contains(&option);
        }
        if keep {
            writeln!(kept, "{}", line.trim_end()).unwrap();
        }
    }
    kept.trim_end().trim_end_matches("Options:").to_owned()
}

/// Writes the keys of a folder's files, a table for each section.
fn keys(files: &str, page: &mut String) {
    let path = root().join(format!("docs/schema/{files}.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    writeln!(page, "\n## Files below {files}/").unwrap();
    for (name, section) in schema["properties"].as_object().unwrap() {
        let section = resolve(&schema, section);
        let about = match section.get("items") {
            Some(item) => text(resolve(&schema, item), section),
            None => text(section, section),
        };
        writeln!(page, "\n### {name}\n\n{about}\n").unwrap();
        *page += "| key | type | meaning |\n| --- | --- | --- |\n";
        rows(&schema, "", section, page);
    }
}

/// Writes a row for each key of a mapping, or of the mappings in a list, and of those in them.
fn rows(schema: &Value, above: &str, value: &Value, page: &mut String) {
    let value = resolve(schema, value);
    if let Some(item) = value.get("items") {
        return rows(schema, above, item, page);
    }
    for option in value["anyOf"].as_array().into_iter().flatten() {
        rows(schema, above, option, page);
    }
    let required = value["required"].as_array().cloned().unwrap_or_default();
    for (key, property) in value["properties"].as_object().into_iter().flatten() {
        let mut kind = kind(schema, property);
        if required.contains(&key.as_str().into()) {
            kind += ", required";
        }
        let meaning = text(property, resolve(schema, property));
        writeln!(page, "| `{above}{key}` | {kind} | {meaning} |").unwrap();
        rows(schema, &format!("{above}{key}."), property, page);
    }
}

/// Returns the description and the default of a value, or else of what it refers to.
fn text(value: &Value, referred: &Value) -> String {
    let about = [value, referred]
        .iter()
        .find_map(|value| value["description"].as_str());
    let about = about.unwrap_or_default().replace('|', "\\|");
    match &value["default"] {
        Value::Null => about,
        Value::Array(none) if none.is_empty() => about,
        Value::String(default) => format!("{about} Default: `{default}`."),
        default => format!("{about} Default: `{default}`."),
    }
}

/// Returns in words what may be written.
fn kind(schema: &Value, value: &Value) -> String {
    let value = resolve(schema, value);
    let any = |name: &str| value[name].as_array().cloned().unwrap_or_default();
    let one_of: Vec<_> = any("oneOf")
        .iter()
        .chain(&any("anyOf"))
        .map(|option| kind(schema, option))
        .collect();
    if !one_of.is_empty() {
        return one_of.join(" or ");
    }
    if let Some(word) = value["const"].as_str() {
        return format!("`{word}`");
    }
    let words: Vec<_> = any("enum")
        .iter()
        .map(|word| word.to_string().replace('"', "`"))
        .collect();
    if !words.is_empty() {
        return words.join(" or ");
    }
    match value["type"]
        .as_str()
        .or(value["type"][0].as_str())
        .unwrap()
    {
        "array" => format!("list of {}", kind(schema, &value["items"])),
        "object" if value["additionalProperties"].is_object() => {
            format!(
                "mapping to {}",
                kind(schema, &value["additionalProperties"])
            )
        }
        "object" => "mapping".to_owned(),
        "integer" => "number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        _ => text_kind(value),
    }
}

fn text_kind(value: &Value) -> String {
    let mut kind = "text".to_owned();
    if let Some(most) = value["maxLength"].as_u64() {
        kind += &format!(" up to {most}");
    }
    if let Some(example) = value["examples"][0].as_str() {
        kind += &format!(" such as `{}`", example.replace('\n', "\\n"));
    }
    if value["type"][1] == "null" {
        kind += " or `null`";
    }
    kind
}

/// Follows references, and alternatives of which there is only one.
fn resolve<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    if let Some(name) = value["$ref"].as_str() {
        return resolve(schema, schema.pointer(&name[1..]).unwrap());
    }
    match value["anyOf"].as_array().map(Vec::as_slice) {
        Some([only]) => resolve(schema, only),
        _ => value,
    }
}
