use std::cell::Cell;

use super::*;

#[test]
fn a_step_runs_again_only_if_it_failed_or_an_input_changed_or_an_output_is_gone() {
    let folder = std::env::temp_dir().join(format!("tiered-storage-step-{}", std::process::id()));
    fs::create_dir_all(folder.join("in/deep")).expect("the folder for temporary files is writable");
    let write =
        |name: &str, text: &str| fs::write(folder.join(name), text).expect("it is writable");
    let runs = Cell::new(0);
    let run = |result: Result<(), String>| {
        let step = Step {
            name: "test",
            stamp: folder.join("stamps/test.stamp"),
            inputs: vec![folder.join("in")],
            outputs: vec![folder.join("out")],
        };
        let result = step.run(|| {
            runs.set(runs.get() + 1);
            result
        });
        (runs.take(), result.is_ok())
    };

    write("in/deep/a", "1");
    assert_eq!(run(Ok(())), (1, false), "it did not make its output");
    write("out", "");
    assert_eq!(run(Err("no".to_owned())), (1, false));
    assert_eq!(run(Ok(())), (1, true));
    assert_eq!(run(Ok(())), (0, true));
    write("in/deep/a", "2");
    assert_eq!(run(Ok(())), (1, true));
    write("in/b", "");
    assert_eq!(run(Ok(())), (1, true));
    fs::remove_file(folder.join("out")).expect("it is there");
    assert_eq!(run(Ok(())), (1, false));
    fs::remove_dir_all(&folder).expect("it is ours");
}
