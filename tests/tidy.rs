//! The repository's own rules, held by a machine: sizes, layers, and documents that must not drift from the code.
//!
//! Each rule is a list of complaints; a test fails with all of them at once. Rules that clippy holds (functions up to 70
//! lines, `unwrap` only in tests, no printing in the library) are in Cargo.toml and clippy.toml.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;

/// What the pure parts may not name: clocks, threads, sockets, log lines, metrics, and whoever drives them.
const IMPURE: &[&str] = &[
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
    "rdkafka",
    "axum",
    "tracing::",
    "prometheus",
    "crate::kafka",
    "crate::http",
    "crate::cli",
    "crate::worker",
    "crate::config",
    "crate::metrics",
    "crate::view",
    "crate::city",
    "log::Log,",
    "log::Log;",
];

/// Which module may not name what.
const LAYERS: &[(&[&str], &[&str])] = &[
    (&["event", "taxonomy", "tally", "collect", "assess", "warn"], IMPURE),
    (&["event", "tally", "collect", "assess", "warn"], &["std::fs", "std::io", "std::path"]),
    (&["event", "taxonomy"], &["crate::collect", "crate::assess", "crate::warn", "crate::tally"]),
    (&["tally"], &["crate::collect", "crate::assess", "crate::warn"]),
    (&["collect"], &["crate::assess", "crate::warn"]),
    (&["assess"], &["crate::collect"]),
    (&["warn"], &["crate::collect", "crate::assess"]),
    (&["kafka"], &["crate::http", "crate::cli", "crate::view", "crate::metrics", "crate::worker", "axum"]),
    (&["http"], &["crate::kafka", "rdkafka", "crate::cli", "crate::worker::step"]),
    (&["worker"], &["rdkafka::", "crate::http", "crate::cli", "crate::kafka", "tokio", "axum"]),
    (&["config", "metrics", "view", "city"], &["crate::kafka", "crate::http", "crate::cli", "rdkafka::"]),
];

#[test]
fn every_file_has_at_most_400_lines_and_opens_with_prose() {
    let mut complaints = String::new();
    for file in files(&["src", "tests", "benches", "scripts"]) {
        let (name, text) = (shown(&file), read(&file));
        let lines = text.lines().count();
        if lines > LINES_MAX {
            writeln!(complaints, "{name}: {lines} lines, at most {LINES_MAX}").unwrap();
        }
        if name.ends_with(".rs") && !text.starts_with("//! ") {
            writeln!(complaints, "{name}: does not open with `//! ` and a sentence").unwrap();
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn every_module_names_only_what_its_layer_may() {
    let mut complaints = String::new();
    for (modules, forbidden) in LAYERS {
        for file in modules.iter().flat_map(|module| module_files(module)) {
            for (number, line) in code(&read(&file)) {
                for word in forbidden.iter().filter(|word| line.contains(**word)) {
                    writeln!(complaints, "{}:{number}: names {word}", shown(&file)).unwrap();
                }
            }
        }
    }
    assert!(complaints.is_empty(), "see the layers in docs/ARCHITECTURE.md\n{complaints}");
}

#[test]
fn unsafe_code_lives_in_one_file_and_states_its_argument() {
    let unsafe_files: Vec<String> = files(&["src", "tests", "benches"])
        .into_iter()
        .filter(|file| shown(file) != "tests/tidy.rs")
        .filter(|file| {
            code(&read(file)).any(|(_, line)| line.contains("unsafe {") || line.contains("unsafe fn"))
        })
        .map(|file| shown(&file))
        .collect();
    assert!(unsafe_files.len() <= 1, "one small file at most: {unsafe_files:?}");
    for file in unsafe_files {
        assert!(read(&root().join(&file)).to_lowercase().contains("safety"), "{file} has no safety argument");
    }
}

#[test]
fn no_result_is_discarded_and_no_test_sleeps_or_is_ignored() {
    let mut complaints = String::new();
    for file in files(&["src", "tests"]) {
        let name = shown(&file);
        if name == "tests/tidy.rs" {
            continue;
        }
        let text = read(&file);
        let tests_from = match name.starts_with("tests/") || name.contains("tests") {
            true => 0,
            false => text.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX),
        };
        for (number, line) in code(&text) {
            let in_tests = number > tests_from;
            if line.contains("let _ = ") && !in_tests {
                writeln!(complaints, "{name}:{number}: discards a result").unwrap();
            }
            if in_tests && (line.contains("sleep(") || line.contains("#[ignore")) {
                writeln!(complaints, "{name}:{number}: sleeps or is ignored").unwrap();
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn nothing_names_a_machine() {
    let mut complaints = String::new();
    for file in files(&["src", "tests", "benches", "scripts", "docs", "config", "helm", "examples", "."]) {
        if ["tests/tidy.rs", ".git"].contains(&shown(&file).as_str()) {
            continue;
        }
        for (number, line) in read(&file).lines().enumerate() {
            for word in ["/work/", "/tmp/", "/root/", "/home/", "../shared"] {
                if line.contains(word) {
                    writeln!(complaints, "{}:{}: {word}", shown(&file), number + 1).unwrap();
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// The code map is made from the first sentence of each file. `HAZSTREAM_TEST_WRITE=1 cargo test --test tidy` writes it again.
#[test]
fn the_code_map_in_architecture_is_that_of_src() {
    let path = root().join("docs/ARCHITECTURE.md");
    let written = read(&path);
    let (before, rest) = written.split_once("<!-- map -->\n").expect("docs/ARCHITECTURE.md has a map");
    let (_, after) = rest.split_once("<!-- end of map -->").expect("the map ends");
    let wanted = format!("{before}<!-- map -->\n{}<!-- end of map -->{after}", code_map());
    if std::env::var_os("HAZSTREAM_TEST_WRITE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(written == wanted, "the code map of docs/ARCHITECTURE.md is old: type `make docs`");
    }
}

/// A bug that cannot be planted any more is one that nothing shows the simulation to find.
#[test]
fn every_planted_bug_still_fits_the_source() {
    for entry in std::fs::read_dir(root().join("tests/simulation/bugs")).expect("the bugs") {
        let path = entry.expect("a file").path();
        let mut git = std::process::Command::new("git");
        let applies = git.args(["apply", "--check", "-C1"]).arg(&path).current_dir(root()).output();
        let applies = applies.expect("git, which made this folder");
        let why = String::from_utf8_lossy(&applies.stderr);
        assert!(applies.status.success(), "{}: renew it (scripts/sim-bugs): {why}", path.display());
    }
}

#[test]
fn every_command_in_the_documents_exists() {
    let makefile = read(&root().join("Makefile"));
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_hazstream")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut complaints = String::new();
    let listed = ["README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/benchmarks.md"];
    let operations = files(&["docs/operations"]).into_iter().map(|file| shown(&file));
    for name in listed.map(str::to_owned).into_iter().chain(operations) {
        let text = read(&root().join(&name));
        for target in words_behind(&text, "make ") {
            if !makefile.contains(&format!("\n{target}:")) {
                writeln!(complaints, "{name}: make {target} is not in the Makefile").unwrap();
            }
        }
        for command in words_behind(&text, "hazstream ") {
            if !help.contains(&format!("\n  {command} ")) {
                writeln!(complaints, "{name}: hazstream {command} is not in --help").unwrap();
            }
        }
        for script in words_behind(&text, "scripts/") {
            if !root().join("scripts").join(&script).exists() {
                writeln!(complaints, "{name}: scripts/{script} does not exist").unwrap();
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let mut complaints = String::new();
    let documents = files(&["docs", "."]).into_iter().filter(|file| shown(file).ends_with(".md"));
    for file in documents {
        let text = read(&file);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let leads_out = target.is_empty() || target.starts_with("http");
            if !leads_out && !file.parent().unwrap().join(target).exists() {
                writeln!(complaints, "{}: {target} does not exist", shown(&file)).unwrap();
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn every_guarantee_of_the_readme_has_a_test_of_its_name() {
    let readme = read(&root().join("README.md"));
    let section =
        readme.split("## What it guarantees").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let names: Vec<&str> =
        section.split("\n- **").skip(1).map(|rest| rest.split("**").next().unwrap_or_default()).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    let tests: String = files(&["tests/guarantees"]).iter().map(|file| read(file)).collect();
    let is_held = |name: &&str| tests.contains(&format!("fn {}(", name.replace([' ', '-'], "_")));
    let missing: Vec<&str> = names.into_iter().filter(|name| !is_held(name)).collect();
    assert!(missing.is_empty(), "tests/guarantees has no test for {missing:?}");
}

/// The words that follow `lead` where a command begins: in backticks, or first on a line of a code block.
fn words_behind(text: &str, lead: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let spans: Vec<&str> =
            if in_block { vec![line.trim()] } else { line.split('`').skip(1).step_by(2).collect() };
        for span in spans.iter().flat_map(|span| span.split(" | ")) {
            let word = span.trim_start_matches("$ ").strip_prefix(lead).unwrap_or_default();
            let word: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            if word.starts_with(|c: char| c.is_ascii_lowercase()) {
                words.push(word);
            }
        }
    }
    words
}

/// One line for each file of src, tests left out: its path, and the first sentence of its prose.
fn code_map() -> String {
    let mut map = String::new();
    let mut folder = PathBuf::new();
    let mut all = files(&["src"]);
    all.sort_by_key(|file| (file.parent().map(Path::to_path_buf), file.clone()));
    for file in all {
        let name = shown(&file);
        if name.contains("/tests") || name == "src/main.rs" || name == "src/lib.rs" {
            continue;
        }
        let parent = file.parent().unwrap().strip_prefix(root()).unwrap().to_path_buf();
        if parent != folder {
            folder = parent;
            writeln!(map, "\n`{}/`\n", folder.display()).unwrap();
        }
        let file_name = file.file_name().unwrap().to_str().unwrap();
        writeln!(map, "- `{file_name}`: {}", first_sentence(&read(&file))).unwrap();
    }
    map + "\n"
}

fn first_sentence(text: &str) -> String {
    let prose: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let prose = prose.join(" ");
    let end = prose.find(". ").map_or(prose.len(), |at| at + 1);
    prose[..end].trim_end_matches('.').replace("[`", "`").replace("`]", "`").replace("`crate::", "`")
}

/// The lines that are code, numbered from 1: comments say what they like.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn module_files(module: &str) -> Vec<PathBuf> {
    let single = root().join(format!("src/{module}.rs"));
    let mut all = files(&[&format!("src/{module}")]);
    all.extend(single.exists().then_some(single));
    all
}

/// The text files below these folders, sorted; of `.` only those at the top.
fn files(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), *folder != ".", &mut found);
    }
    found.sort();
    found.retain(|file| std::fs::read_to_string(file).is_ok());
    found
}

fn walk(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true if deep => walk(&path, deep, found),
            true => {}
            false => found.push(path),
        }
    }
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string().trim_start_matches("./").to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
