//! Signs the requests of a JSON file: see `tiered_storage_tests::sign`.

use std::{io::Write as _, process::ExitCode};

use tiered_storage_tests::sign::{USAGE, sign, signer};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| matches!(word.as_str(), "-h" | "--help")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let written = signed(&words).and_then(|text| {
        writeln!(std::io::stdout(), "{text}").map_err(|error| format!("cannot write: {error}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn signed(words: &[String]) -> Result<String, String> {
    let (name, path) = match words {
        [flag, name, path] | [path, flag, name] if flag == "--signer" => (name, path),
        _ => return Err(USAGE.to_owned()),
    };
    let signer = signer(name).ok_or(USAGE)?;
    let form = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    sign(signer, &form).map_err(|error| format!("{path}: {error}"))
}
