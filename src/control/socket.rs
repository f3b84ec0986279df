//! Making and removing the socket file.
//!
//! The file appears at its final path by rename, with mode 0600 and already listening: there is no
//! moment at which others could connect, and a stale file of a dead daemon is replaced in one step.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use tokio::net::UnixListener;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another daemon answers there: stop it or give another `--control`.
    #[error(
        "another cosmos already serves {}; stop it, or give another --control PATH", .0.display()
    )]
    InUse(PathBuf),
    /// Something else than a socket is at the path: move it away.
    #[error("{} exists and is no socket; move it away, or give another --control PATH", .0.display())]
    NotASocket(PathBuf),
    /// The path could not be used; the usual cause is a missing right on the folder.
    #[error("control socket {}: {source}; give another --control PATH", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A listening control socket; the file goes when this is dropped, unless it was replaced since.
#[derive(Debug)]
pub struct Bound {
    pub(super) listener: UnixListener,
    path: PathBuf,
    identity: (u64, u64),
}

impl Bound {
    /// Where clients connect.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the control socket at `path`; needs a running tokio runtime.
///
/// # Errors
/// See [`SocketError`].
pub fn bind(path: &Path) -> Result<Bound, SocketError> {
    let io_error = |source| SocketError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(SocketError::InUse(path.to_owned()));
        }
        _ => {}
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error)?;
    }
    let temporary = path.with_added_extension(std::process::id().to_string());
    let made = listen_at(&temporary).and_then(|listener| {
        let identity = identity(&temporary)?;
        fs::rename(&temporary, path)?;
        Ok(Bound { listener, path: path.to_owned(), identity })
    });
    made.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        io_error(source)
    })
}

/// Bound, restricted, and only then listening: a connect before that is refused.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let _ = fs::remove_file(path);
    let socket = nix::sys::socket::socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )?;
    nix::sys::socket::bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    nix::sys::socket::listen(&socket, Backlog::new(64)?)?;
    UnixListener::from_std(StdListener::from(socket))
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
