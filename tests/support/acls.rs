//! The rights that docs/operations/secure.md lists, as its commands say them.

/// The words behind `acls` of each command, its lines joined.
pub fn documented() -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations/secure.md");
    let text =
        std::fs::read_to_string(path).expect("docs/operations/secure.md is there").replace("\\\n", " ");
    let commands = text.lines().filter_map(|line| line.strip_prefix("acls "));
    commands.map(|command| command.split_whitespace().map(str::to_owned).collect()).collect()
}
