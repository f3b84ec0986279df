//! The `cosmos` binary: allocator, arguments, exit code. Everything else is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

// musl's own allocator is slow with several threads; glibc's is as fast as this one and needs a
// quarter less memory.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cosmos::main()
}
