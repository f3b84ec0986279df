//! The examples of `docs/decode.md` and the README are what the program prints.

use crate::run::text;

#[test]
fn the_documented_examples_are_what_is_printed() {
    let mut document = String::new();
    for name in ["README.md", "docs/decode.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        document += &std::fs::read_to_string(path).expect("the document is beside the code");
    }
    let mut examples = 0;
    for block in document.split("```console\n").skip(1) {
        let block = block.split("\n```").next().expect("a block ends");
        let (command, expected) = block.split_once('\n').expect("a command and its output");
        let Some(command) = command.strip_prefix("$ cosmos decode") else { continue };
        let (args, hex) = command.split_once("<<<").expect("input in hex");
        let args: Vec<&str> = args.split_whitespace().collect();
        assert_eq!(text(&args, hex.trim()).trim_end(), expected, "{command}");
        examples += 1;
    }
    assert!(examples >= 12, "{examples} examples");
}
