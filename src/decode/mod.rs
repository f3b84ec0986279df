//! `cosmos decode`: captures, tables and streams of BGP to text or JSON.
//!
//! What for: what an engineer reaches for with a file in hand: every message or route, every
//! attribute, and what is wrong with it by which RFC.
//! How: one record at a time, nothing kept but the sessions' state:
//! ```text
//!   file ── capture ──> Record ── reader ──> Message ── select ──> text | one line | JSON
//!                                  │  ^
//!                     session, route, walk, judge
//! ```
//! Invariants: constant memory; octets that cannot be read are shown, not dropped; one unreadable
//! file does not stop the others; a closed pipe is a quiet end.
//! References: RFC 4271, RFC 6396, RFC 7606, RFC 7854, RFC 7911, RFC 8050.

mod args;
mod hex;
mod json;
mod judge;
mod message;
mod names;
mod progress;
mod reader;
mod route;
mod select;
mod session;
mod style;
mod summary;
mod text;
mod time;
mod value;
mod walk;

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};
use std::path::{Path, PathBuf};

pub use args::DecodeArgs;
use args::{DecodeOutput, InputFormat};
use capture::{Format, Input, Options};
use json::Json;
use message::Message;
use progress::Bar;
use reader::Reader;
use style::Style;
use summary::Summary;
use text::Writer;

use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};

/// Runs `cosmos decode`.
///
/// # Errors
/// [`Failure::Usage`] without anything to read; [`Failure::Reported`] after unreadable inputs (2)
/// or, with `--strict`, findings (1).
pub fn run(args: DecodeArgs) -> Result<(), Failure> {
    let files = inputs(&args)?;
    let mut decode = Decode {
        sink: Sink::new(&args),
        summary: Summary::default(),
        unreadable: false,
        args: &args,
    };
    let mut done = Ok(());
    for file in &files {
        done = decode.file(file);
        if done.is_err() || decode.is_full() {
            break;
        }
    }
    done.and_then(|()| decode.sink.out.flush())?;
    decode.verdict()
}

/// The files, or standard input when it is not a terminal.
fn inputs(args: &DecodeArgs) -> Result<Vec<PathBuf>, Failure> {
    if !args.files.is_empty() {
        return Ok(args.files.clone());
    }
    if io::stdin().is_terminal() {
        let text = "nothing to read; name files, or pipe BGP or hex to it (cosmos decode --help)";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(vec![PathBuf::from("-")])
}

struct Decode<'a> {
    args: &'a DecodeArgs,
    sink: Sink,
    summary: Summary,
    unreadable: bool,
}

impl Decode<'_> {
    fn is_full(&self) -> bool {
        self.args.select.limit.is_some_and(|limit| self.summary.shown() >= limit)
    }

    /// Decodes a file; an error is one of writing.
    fn file(&mut self, path: &Path) -> io::Result<()> {
        let input = match Input::path(path).and_then(|input| capture::open(input, self.options())) {
            Ok(input) => input,
            Err(e) => {
                self.complain(path, &e);
                return Ok(());
            }
        };
        let mut input = input;
        let mut reader = Reader::new(self.args.session.clone());
        let mut bar = Bar::new(path);
        while !self.is_full() {
            let progress = input.progress();
            bar.at(progress.read, progress.total);
            match input.next() {
                Ok(None) => break,
                Ok(Some(record)) => {
                    let mut message = reader.read(&record);
                    self.summary.count(&message);
                    if self.args.select.keep(&mut message) {
                        self.summary.show();
                        self.sink.write(&message)?;
                    }
                }
                Err(e) => {
                    let go_on = e.is_recoverable();
                    bar.hide(|| self.complain(path, &e));
                    if !go_on {
                        break;
                    }
                }
            }
        }
        bar.finish();
        Ok(())
    }

    fn options(&self) -> Options {
        let format = match self.args.format {
            InputFormat::Auto => Format::Auto,
            InputFormat::Pcap => Format::Pcap,
            InputFormat::Pcapng => Format::Pcapng,
            InputFormat::Mrt => Format::Mrt,
            InputFormat::Bmp => Format::Bmp,
            InputFormat::Raw => Format::Raw,
            InputFormat::Hex => Format::Hex,
        };
        Options { format, bgp_port: self.args.bgp_port, bmp_port: self.args.bmp_port }
    }

    fn complain(&mut self, path: &Path, error: &capture::Error) {
        self.unreadable = true;
        let name = if path.as_os_str() == "-" {
            "standard input".into()
        } else {
            path.display().to_string()
        };
        // What was decoded stands before the complaint when both go to one terminal.
        let _ = self.sink.out.flush();
        let _ = writeln!(io::stderr(), "cosmos: {name}: {error}");
    }

    fn verdict(&self) -> Result<(), Failure> {
        if self.args.summary {
            let _ = self.summary.write(&mut io::stderr().lock());
        }
        if self.unreadable {
            return Err(Failure::Reported(EXIT_USAGE));
        }
        if self.args.strict && self.summary.serious() > 0 {
            return Err(Failure::Reported(EXIT_FAILED));
        }
        Ok(())
    }
}

/// Where messages are written, and how.
struct Sink {
    out: BufWriter<StdoutLock<'static>>,
    form: Form,
    buffer: String,
    /// Somebody watches: every message is flushed.
    live: bool,
}

enum Form {
    Text(Writer),
    Lines(Writer),
    Json(Json),
}

impl Sink {
    fn new(args: &DecodeArgs) -> Self {
        let form = match args.output {
            DecodeOutput::Json => Form::Json(Json::new(args.hex)),
            DecodeOutput::Text => {
                let writer = Writer::new(Style::new(args.color), args.hex, args.notes);
                if args.one_line { Form::Lines(writer) } else { Form::Text(writer) }
            }
        };
        let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        Self { out, form, buffer: String::new(), live: io::stdout().is_terminal() }
    }

    fn write(&mut self, message: &Message<'_>) -> io::Result<()> {
        self.buffer.clear();
        match &mut self.form {
            Form::Json(json) => json.write(message, &mut self.out)?,
            Form::Text(writer) => writer.message(message, &mut self.buffer),
            Form::Lines(writer) => writer.lines(message, &mut self.buffer),
        }
        self.out.write_all(self.buffer.as_bytes())?;
        if self.live { self.out.flush() } else { Ok(()) }
    }
}
