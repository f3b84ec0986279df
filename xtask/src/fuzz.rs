//! `cargo xtask fuzz`: libFuzzer on the pinned toolchain, and its corpora in the repository.
//!
//! `run` builds a target with coverage (which asks the compiler for flags that stable versions only
//! take with `RUSTC_BOOTSTRAP=1`), unpacks its committed corpus, fuzzes, minimises what is now there
//! and packs it again; a crash stops it and is kept as a file. `minimise` does the last part alone,
//! `add` takes inputs in from files, `list` says what there is. Works without cargo-fuzz and without a
//! nightly compiler; needs a C++ compiler for libFuzzer itself. Working files lie in `fuzz/target/work`, never committed.

#[path = "../../fuzz/src/pack.rs"]
#[allow(unreachable_pub, reason = "shared with the fuzz targets, which export it")]
mod pack;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{out, tidy};

/// Options of `fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fuzz one target, or all one after another; then minimise and pack the corpus.
    Run {
        /// A target's name, as `list` shows it, or `all`.
        target: String,
        /// How long for each target.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// The longest input, in octets.
        #[arg(long, default_value_t = 4096)]
        max_len: u32,
    },
    /// Drop inputs that add no coverage; pack the rest.
    Minimise {
        /// A target's name or `all`.
        target: String,
    },
    /// Offer inputs (files, or all files of folders) to a corpus; those that add coverage stay.
    Add {
        /// A target's name.
        target: String,
        /// Files and folders.
        #[arg(required = true)]
        inputs: Vec<PathBuf>,
    },
    /// The targets, with how many inputs each has.
    List,
}

/// Instrumentation libFuzzer needs: counters, a table of program counters, traced comparisons.
/// Assertions of debug builds find overflows.
const RUSTFLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

/// Runs the action; `Ok(false)` when an input broke a law.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let shop = Shop { folder: tidy::workspace_root()?.join("fuzz") };
    match &args.action {
        Action::List => {
            for target in shop.targets()? {
                let inputs = shop.unpacked(&target)?;
                let octets: usize = inputs.iter().map(Vec::len).sum();
                out::line(&format!("{target}: {} inputs, {octets} octets", inputs.len()));
            }
            Ok(true)
        }
        Action::Run { target, minutes, max_len } => {
            let seconds = (minutes * 60.0).max(1.0);
            let mut good = true;
            for target in shop.chosen(target)? {
                good &= shop.fuzz(&target, seconds, *max_len)?;
            }
            Ok(good)
        }
        Action::Minimise { target } => {
            for target in shop.chosen(target)? {
                let program = shop.build(&target)?;
                shop.minimise(&target, &program)?;
            }
            Ok(true)
        }
        Action::Add { target, inputs } => {
            let [target] = &shop.chosen(target)?[..] else { bail!("name one target") };
            let program = shop.build(target)?;
            let work = shop.work(target);
            for path in inputs {
                for file in files(path)? {
                    let octets = fs::read(&file).with_context(|| file.display().to_string())?;
                    fs::write(work.join(name_of(&octets)), octets)?;
                }
            }
            shop.minimise(target, &program)?;
            Ok(true)
        }
    }
}

/// The folder `fuzz`, and what is done in it.
struct Shop {
    folder: PathBuf,
}

impl Shop {
    /// Every target, sorted.
    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.folder.join("fuzz_targets");
        let names: BTreeSet<String> = files(&folder)?
            .iter()
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        ensure!(!names.is_empty(), "no target in {}", folder.display());
        Ok(names.into_iter().collect())
    }

    /// The named target, or all.
    fn chosen(&self, name: &str) -> Result<Vec<String>> {
        let all = self.targets()?;
        if name == "all" {
            return Ok(all);
        }
        if !all.iter().any(|target| target == name) {
            bail!("no target {name}; there are: {}", all.join(", "));
        }
        Ok(vec![name.to_owned()])
    }

    fn packed(&self, target: &str) -> PathBuf {
        self.folder.join("corpus").join(format!("{target}.bin"))
    }

    /// The inputs of the committed corpus.
    fn unpacked(&self, target: &str) -> Result<Vec<Vec<u8>>> {
        let path = self.packed(target);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let octets = fs::read(&path).with_context(|| path.display().to_string())?;
        let inputs = pack::read(&octets).with_context(|| format!("{}: cut", path.display()))?;
        Ok(inputs.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// A fresh working folder with the committed corpus as files, where libFuzzer may write.
    fn unpack(&self, target: &str) -> Result<PathBuf> {
        let work = self.work(target);
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        for input in self.unpacked(target)? {
            fs::write(work.join(name_of(&input)), &input)?;
        }
        Ok(work)
    }

    fn work(&self, target: &str) -> PathBuf {
        self.folder.join("target/work").join(target)
    }

    /// Builds a target with coverage and unpacks its corpus; the path of the program.
    fn build(&self, target: &str) -> Result<PathBuf> {
        let host = host()?;
        let target_dir = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.folder.join("target"), PathBuf::from);
        let status = Command::new(env!("CARGO"))
            .current_dir(&self.folder)
            .env("RUSTC_BOOTSTRAP", "1")
            // The compiler beside this cargo: a dependency that pins another toolchain for itself
            // must not make rustup look for that one.
            .env("RUSTC", Path::new(env!("CARGO")).with_file_name("rustc"))
            .env("RUSTFLAGS", RUSTFLAGS.join(" "))
            .env("CARGO_TARGET_DIR", &target_dir)
            .args(["build", "--release", "--target", &host, "--bin", target])
            .status()
            .context("run cargo build")?;
        ensure!(status.success(), "{target} does not build");
        self.unpack(target)?;
        Ok(target_dir.join(host).join("release").join(target))
    }

    /// Fuzzes for a time; `false`, with the input kept, when a law was broken.
    fn fuzz(&self, target: &str, seconds: f64, max_len: u32) -> Result<bool> {
        let program = self.build(target)?;
        let crashes = self.folder.join("artifacts").join(target);
        fs::create_dir_all(&crashes)?;
        let status = Command::new(&program)
            .current_dir(&self.folder)
            .arg(format!("-max_total_time={}", seconds.round()))
            .arg(format!("-max_len={max_len}"))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .arg(self.work(target))
            .status()
            .with_context(|| format!("run {}", program.display()))?;
        if !status.success() {
            out::error(&format!(
                "{target}: a law is broken; the input is the newest file of {}. Shrink it (the program \
                 with -minimize_crash=1), put it into fuzz/regressions/{target}/ under a name that says \
                 what it shows, then mend the codec",
                crashes.display()
            ));
            return Ok(false);
        }
        self.minimise(target, &program)?;
        Ok(true)
    }

    /// Keeps the smallest set of inputs with the same coverage, packed.
    fn minimise(&self, target: &str, program: &Path) -> Result<()> {
        let all = self.work(target);
        let few = self.folder.join("target/work").join(format!("{target}.few"));
        if few.exists() {
            fs::remove_dir_all(&few)?;
        }
        fs::create_dir_all(&few)?;
        let status = Command::new(program)
            .current_dir(&self.folder)
            .args(["-merge=1", "-verbosity=0"])
            .args([&few, &all])
            .status()
            .with_context(|| format!("run {}", program.display()))?;
        ensure!(status.success(), "{target}: merging its corpus failed");
        let mut inputs: Vec<Vec<u8>> =
            files(&few)?.iter().map(fs::read).collect::<std::io::Result<_>>()?;
        inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        ensure!(!inputs.is_empty(), "{target}: nothing left of its corpus");
        let mut packed = Vec::new();
        inputs.iter().for_each(|input| pack::write(input, &mut packed));
        fs::write(self.packed(target), &packed)?;
        fs::remove_dir_all(&all)?;
        fs::rename(&few, &all)?;
        out::line(&format!("{target}: {} inputs, {} octets packed", inputs.len(), packed.len()));
        Ok(())
    }
}

/// The file itself, or the files of a folder and of those below it, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        found.extend(files(&entry?.path())?);
    }
    found.sort();
    Ok(found)
}

/// A file name for an input: FNV-1a over it, and its length.
fn name_of(input: &[u8]) -> String {
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}-{}", input.len())
}

/// The machine's own target triple: flags must not reach build scripts, so it has to be named.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("run rustc -vV")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}
