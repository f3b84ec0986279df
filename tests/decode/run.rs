//! Running the command, and reading what it says.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// Runs `cosmos decode` with `input` on standard input.
pub(crate) fn decode(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .arg("decode")
        .args(args)
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built with this test");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that needs no more input may have closed it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("ends");
    writer.join().expect("does not panic");
    output
}

/// The text the command prints for hex on standard input.
pub(crate) fn text(args: &[&str], hex: &str) -> String {
    let output = decode(args, hex.as_bytes());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The objects `-o json` prints for a file; a file that is cut short may end with a complaint.
pub(crate) fn json(path: &Path, more: &[&str]) -> Vec<Value> {
    let mut objects = Vec::new();
    each_json(path, more, |object| objects.push(object));
    objects
}

/// As [`json`], one object after the other: those of a large table would fill the memory.
pub(crate) fn each_json(path: &Path, more: &[&str], mut see: impl FnMut(Value)) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .args(["decode", "-o", "json"])
        .args(more)
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built with this test");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let (mut line, mut any) = (String::new(), false);
    while out.read_line(&mut line).expect("text") > 0 {
        see(serde_json::from_str(&line).expect("an object a line"));
        line.clear();
        any = true;
    }
    let status = child.wait().expect("ends");
    assert!(matches!(status.code(), Some(0 | 2)), "{}: {status:?}", path.display());
    assert!(any, "{}: nothing decoded", path.display());
}

/// A string inside an object; empty when it is absent.
pub(crate) fn str_of<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list inside an object; empty when it is absent.
pub(crate) fn list_of<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// An AS_PATH as bgpdump writes it.
pub(crate) fn path_text(path: &Value) -> String {
    let numbers = |value: &Value, sep: &str| {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        list.iter().map(Value::to_string).collect::<Vec<_>>().join(sep)
    };
    let words = path.as_array().map_or(&[][..], Vec::as_slice).iter().map(|item| match item {
        Value::Object(segment) => {
            let (kind, list) = segment.iter().next().expect("one key");
            match kind.as_str() {
                "set" => format!("{{{}}}", numbers(list, ",")),
                "confedSequence" => format!("({})", numbers(list, " ")),
                _ => format!("[{}]", numbers(list, ",")),
            }
        }
        number => number.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The type code of an attribute by its name in JSON.
pub(crate) fn type_code(name: &str) -> u8 {
    static CODES: LazyLock<HashMap<String, u8>> = LazyLock::new(|| {
        (0..=u8::MAX).map(|code| (bgp_wire::AttrType(code).to_string(), code)).collect()
    });
    let name = name.split(" #").next().unwrap_or(name);
    *CODES.get(name).unwrap_or_else(|| panic!("an attribute without a code: {name}"))
}

/// What differs between two lists, lines of the first with `-` and of the second with `+`.
pub(crate) fn difference(ours: &[String], theirs: &[String]) -> Vec<String> {
    let (mut ours, mut theirs) = (ours.to_vec(), theirs.to_vec());
    ours.sort();
    theirs.sort();
    let mut out = Vec::new();
    let (mut a, mut b) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (None, None) => return out,
            (Some(x), Some(y)) if x == y => {
                a.next();
                b.next();
            }
            (Some(x), Some(y)) if x < y => out.push(format!("- {}", a.next().expect("peeked"))),
            (Some(_), None) => out.push(format!("- {}", a.next().expect("peeked"))),
            _ => out.push(format!("+ {}", b.next().expect("peeked"))),
        }
    }
}
