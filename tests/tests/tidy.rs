//! The house limits that no compiler knows: sizes, plain sources, nothing left for later, no traces of a machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lexer::blank;

mod lexer {
    /// Rust without what only looks like code: comments, strings and character literals become spaces, line by line.
    pub(super) fn blank(source: &str) -> String {
        let mut blanked = String::with_capacity(source.len());
        let mut rest = source;
        while !rest.is_empty() {
            let skipped = opaque(rest, blanked.chars().next_back());
            let length = skipped.unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8));
            let (piece, after) = rest.split_at(length);
            match skipped {
                Some(_) => {
                    blanked.extend(piece.chars().map(|c| if c == '\n' { c } else { ' ' }));
                }
                None => blanked.push_str(piece),
            }
            rest = after;
        }
        blanked
    }

    /// How long the comment, string or character literal is that `rest` starts with.
    fn opaque(rest: &str, before: Option<char>) -> Option<usize> {
        if rest.starts_with("//") {
            return Some(rest.find('\n').unwrap_or(rest.len()));
        }
        if rest.starts_with("/*") {
            return Some(rest.find("*/").map_or(rest.len(), |at| at + 2));
        }
        if rest.starts_with('"') {
            return Some(quoted(rest, '"').unwrap_or(rest.len()));
        }
        if rest.starts_with('\'') {
            return character(rest);
        }
        let is_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if is_name || !raw[hashes..].starts_with('"') {
            return None;
        }
        let start = rest.len() - raw.len() + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()))
    }

    /// A character literal, and not a lifetime.
    fn character(rest: &str) -> Option<usize> {
        let mut inside = rest.chars().skip(1);
        let first = inside.next()?;
        (first == '\\' || inside.next() == Some('\'')).then(|| quoted(rest, '\''))?
    }

    fn quoted(rest: &str, quote: char) -> Option<usize> {
        let mut is_escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            if !is_escaped && c == quote {
                return Some(at + 1);
            }
            is_escaped = !is_escaped && c == '\\';
        }
        None
    }
}

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const README_LINES_MAX: usize = 150;
const SOURCES: [&str; 12] =
    ["rs", "ts", "tsx", "mts", "js", "mjs", "cjs", "css", "html", "toml", "sh", "py"];
/// Where a machine keeps what is its own; written so that this file does not have them.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("C:\\", "Users"),
];
const LEFTOVERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
const LEFTOVER_CODE: [&str; 5] = [
    concat!("db", "g!("),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
    concat!("debug", "ger;"),
];

/// A text file of the repository.
struct File {
    path: String,
    text: String,
}

impl File {
    fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    fn is_source(&self) -> bool {
        SOURCES.contains(&self.extension())
    }

    /// Whether it holds nothing but tests: a `tests.rs`, or anything in a folder `tests` of a crate.
    fn is_test(&self) -> bool {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let folders = folder.strip_prefix("tests/").unwrap_or(folder);
        name.starts_with("tests.")
            || name.contains(".test.")
            || folders.split('/').any(|part| part == "tests")
    }
}

/// What a rule has to say about a file.
type Findings = Vec<String>;

#[test]
fn files_are_short() {
    complain(|file| {
        let lines = file.text.lines().count();
        let is_counted = matches!(file.extension(), "rs" | "ts" | "tsx" | "mts" | "mjs" | "js");
        let is_over = is_counted && !file.is_test() && lines > FILE_LINES_MAX;
        let finding = || format!("has {lines} lines; split it to {FILE_LINES_MAX}");
        is_over.then(finding).into_iter().collect()
    });
}

#[test]
fn functions_are_short() {
    complain(|file| {
        // A table of cases may be as long as it takes.
        let is_counted = file.extension() == "rs" && !file.is_test();
        if is_counted { long_functions(&file.text) } else { Vec::new() }
    });
}

#[test]
fn sources_are_ascii() {
    complain(|file| {
        if !file.is_source() || file.is_test() {
            return Vec::new();
        }
        lines_where(&file.text, |line| {
            line.chars().find(|c| !c.is_ascii()).map(|c| format!("has {c:?}"))
        })
    });
}

#[test]
fn nothing_is_left_for_later() {
    complain(|file| if file.is_source() { leftovers(&file.text) } else { Vec::new() });
}

#[test]
fn no_file_knows_a_machine() {
    complain(|file| machine_paths(&file.text));
}

#[test]
fn the_lock_of_npm_names_no_registry() {
    complain(|file| {
        let is_lock = file.path.ends_with("package-lock.json");
        lines_where(&file.text, |line| {
            (is_lock && line.contains("\"resolved\": \"http"))
                .then(|| "names a registry".to_owned())
        })
    });
}

#[test]
fn readmes_are_short() {
    complain(|file| {
        let lines = file.text.lines().count();
        let is_over = file.path.ends_with("README.md") && lines > README_LINES_MAX;
        is_over
            .then(|| format!("has {lines} lines; cut it to {README_LINES_MAX}"))
            .into_iter()
            .collect()
    });
}

/// What is downloaded and not text is made or installed, and never kept here.
#[test]
fn what_is_no_text_is_a_picture() {
    let listed = listed();
    assert!(listed.iter().any(|path| path.ends_with(".png")), "git lists no pictures");
    let is_text = |path: &str| match fs::read(root().join(path)) {
        Ok(bytes) => String::from_utf8(bytes).is_ok(),
        Err(_) => true,
    };
    let strange = listed.iter().filter(|path| !path.ends_with(".png") && !is_text(path));
    assert_eq!(strange.collect::<Vec<_>>(), [""; 0]);
}

/// What users of a published crate must find in it, whole, wherever it was published from.
#[test]
fn published_crates_bring_their_licences_and_read_me() {
    for (package, folder, files) in [
        ("tiered-storage-core", "core", &["LICENSE-APACHE", "LICENSE-MIT"][..]),
        ("tiered-storage", "adapters", &["LICENSE-APACHE", "LICENSE-MIT", "README.md"][..]),
    ] {
        let words = ["package", "--list", "--allow-dirty", "--offline", "--package", package];
        let listed = Command::new(env!("CARGO")).current_dir(root()).args(words).output();
        let listed = listed.expect("cargo runs this test");
        let listed = String::from_utf8(listed.stdout).expect("the crates have plain names");
        let listed: Vec<&str> = listed.lines().collect();
        assert!(listed.contains(&"src/lib.rs"), "cargo lists no sources of {package}");
        for file in files {
            assert!(listed.contains(file), "{package} is published without {file}");
            let [own, common] = [root().join(folder).join(file), root().join(file)].map(fs::read);
            let common = common.expect("the repository has it");
            assert!(own.is_ok_and(|own| own == common), "{folder}/{file} is not {file}");
        }
    }
}

#[test]
fn the_rules_find_what_they_look_for() {
    let body = "    let brace = '{'; // {\n".repeat(FUNCTION_LINES_MAX - 1);
    let fits = format!("impl A {{\n  pub async fn f<'a>(x: &'a str) -> B {{\n{body}}}\n}}\n");
    assert_eq!(long_functions(&fits), [""; 0]);
    let long = fits.replace("-> B {", "-> B {\n\"\\\"}\";");
    assert_eq!(long_functions(&long), ["line 2: `f` has 71 lines; split it to 70"]);
    let declared = "trait T { fn f(&self); }\nfn g() {}\n";
    assert_eq!(long_functions(declared), [""; 0]);
    assert_eq!(
        blank("a r#\"}\"#; b'}' 'x' \"}\" /* } */ c"),
        format!("a{}; b{}c", " ".repeat(7), " ".repeat(20))
    );

    assert_eq!(leftovers(&format!("fn f() {{}}\n// {}: more\n", LEFTOVERS[0])).len(), 1);
    assert_eq!(leftovers(&format!("    {}]\n", LEFTOVER_CODE[3])).len(), 1);
    assert_eq!(machine_paths(&format!("see {}ada/notes", MACHINE_PATHS[1])).len(), 1);
    assert_eq!(machine_paths(&format!("https://example.org{}ada", MACHINE_PATHS[1])), [""; 0]);
    let is_test = |path: &str| File { path: path.into(), text: String::new() }.is_test();
    assert!(is_test("core/src/codec/tests.rs") && is_test("tests/tests/tidy.rs"));
    assert!(!is_test("tests/src/server.rs") && !is_test("core/src/codec.rs"));
}

fn long_functions(source: &str) -> Findings {
    let code = blank(source);
    let mut findings = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("fn ").map(|at| from + at) {
        from = at + 3;
        let is_word =
            code[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let name: String =
            code[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(end) = end_of_function(&code, from).filter(|_| is_word && !name.is_empty()) else {
            continue;
        };
        let line = code[..at].lines().count();
        let lines = code[at..end].lines().count();
        if lines > FUNCTION_LINES_MAX + 1 {
            // The line with the closing brace is not counted.
            let lines = lines - 1;
            findings.push(format!(
                "line {line}: `{name}` has {lines} lines; split it to {FUNCTION_LINES_MAX}"
            ));
        }
    }
    findings
}

/// Where the body of the function ends that is declared at `from`; `None` if it has none.
fn end_of_function(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_signature = 0_usize;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' if depth == 0 => in_signature += 1,
            ')' | ']' if depth == 0 => in_signature = in_signature.saturating_sub(1),
            ';' if depth == 0 && in_signature == 0 => return None,
            '{' => depth += 1,
            '}' if depth == 1 => return Some(from + at + 1),
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn leftovers(text: &str) -> Findings {
    lines_where(text, |line| {
        let words = LEFTOVERS.into_iter().find(|word| line.contains(word));
        let code = LEFTOVER_CODE.into_iter().find(|code| line.contains(code));
        words.or(code).map(|found| format!("has {found}"))
    })
}

fn machine_paths(text: &str) -> Findings {
    lines_where(text, |line| {
        let found = MACHINE_PATHS.into_iter().find(|path| {
            // A path starts after something that is not one; a URL's does not.
            let starts = |at: usize| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*}$".contains(c))
            };
            line.match_indices(path).any(|(at, _)| starts(at))
        });
        found.map(|found| format!("has {found}"))
    })
}

fn lines_where(text: &str, finding: impl Fn(&str) -> Option<String>) -> Findings {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| Some(format!("line {}: {}", at + 1, finding(line)?))).collect()
}

/// Fails with everything that the rule finds in the files of the repository.
#[track_caller]
fn complain(rule: impl Fn(&File) -> Findings) {
    let files = files();
    assert!(files.iter().any(|file| file.path == "tests/tests/tidy.rs"), "git lists no sources");
    let findings: Vec<String> = files
        .iter()
        .flat_map(|file| rule(file).into_iter().map(|finding| format!("{}: {finding}", file.path)))
        .collect();
    assert!(findings.is_empty(), "{} to tidy:\n{}", findings.len(), findings.join("\n"));
}

/// Every text file that git has or would take.
fn files() -> Vec<File> {
    let read = |path: String| -> Option<File> {
        let text = fs::read_to_string(root().join(&path)).ok()?;
        Some(File { path, text })
    };
    listed().into_iter().filter_map(read).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file that git has or would take.
fn listed() -> Vec<String> {
    let words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").current_dir(root()).args(words).output();
    let listed = listed.expect("git is installed, for the repository was cloned with it");
    let listed = String::from_utf8(listed.stdout).expect("the repository has plain names");
    listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}
