//! Framing, bounds and the socket file.

use std::fs;
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::cli::{EXIT_UNREACHABLE, Failure};

/// Answers `objects` with many numbers, `fib` with a refusal, and the rest with nothing.
struct Numbers(u64);

impl Source for Numbers {
    async fn answer(&self, request: Request, items: &mut Items) -> Result<(), AnswerError> {
        match request {
            Request::Objects => {
                for n in 0..self.0 {
                    items.push(&n).await?;
                }
                Ok(())
            }
            Request::Fib => Err(Refusal::new(RefusalCode::NotFound, "no such thing").into()),
            _ => Ok(()),
        }
    }
}

struct Daemon {
    folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Daemon {
    fn start(numbers: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let guard = runtime.enter();
        let bound = bind(&folder.path().join("c.sock")).unwrap();
        drop(guard);
        runtime.spawn(serve(bound, Arc::new(Numbers(numbers))));
        Self { folder, _runtime: runtime }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("c.sock")
    }

    fn raw(&self, request: &[u8]) -> Vec<Value> {
        let mut stream = UnixStream::connect(self.path()).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn refused(outcome: Result<Vec<u64>, Failure>) -> String {
    match outcome.unwrap_err() {
        Failure::Failed(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_have_one_stable_form_each() {
    use speaker::view::RouteTable;
    let query = RouteQuery {
        router: None,
        family: Some("ipv4/unicast".into()),
        prefix: None,
        table: RouteTable::Received("leaf1".into()),
    };
    for (request, form) in [
        (Request::Routers, json!({"show": "routers"})),
        (Request::Peers { router: Some("r".into()) }, json!({"show": "peers", "router": "r"})),
        (
            Request::Peer { router: None, peer: "leaf1".into() },
            json!({"show": "peer", "peer": "leaf1"}),
        ),
        (
            Request::Routes { query },
            json!({"show": "routes", "query": {
                "family": "ipv4/unicast", "table": {"kind": "received", "peer": "leaf1"}}}),
        ),
        (
            Request::Explain { router: None, prefix: "10.0.0.0/8".into() },
            json!({"show": "explain", "prefix": "10.0.0.0/8"}),
        ),
    ] {
        assert_eq!(serde_json::to_value(&request).unwrap(), form);
        assert_eq!(serde_json::from_value::<Request>(form).unwrap(), request);
    }
}

#[test]
fn an_answer_is_items_and_one_end() {
    let daemon = Daemon::start(3);
    assert_eq!(
        daemon.raw(b"{\"show\":\"objects\"}\n"),
        [json!({"item": 0}), json!({"item": 1}), json!({"item": 2}), json!({"end": {"count": 3}})]
    );
}

#[test]
fn a_long_answer_arrives_whole_and_in_order() {
    let daemon = Daemon::start(200_000);
    let client = Client::new(daemon.path());
    let numbers: Vec<u64> = client.all(&Request::Objects).unwrap();
    assert!(numbers.iter().copied().eq(0..200_000));
}

#[test]
fn refusals_arrive_as_text() {
    let daemon = Daemon::start(0);
    let client = Client::new(daemon.path());
    assert_eq!(refused(client.all(&Request::Fib)), "no such thing");
}

#[test]
fn what_is_no_request_is_refused_with_a_reason() {
    let daemon = Daemon::start(0);
    let endless = vec![b'x'; MAX_REQUEST];
    for (request, word) in [
        (&b"{\"show\":\"weather\"}\n"[..], "weather"),
        (b"{\"show\":\"routers\"}", "newline"),
        (b"\n", "no request"),
        (b"\xff\xfe\n", "no request"),
        (b"{\"show\":\"peers\",\"colour\":1}\n", "colour"),
        (&endless, "longer"),
    ] {
        let answer = daemon.raw(request);
        assert_eq!(answer.len(), 1, "{answer:?}");
        assert_eq!(answer[0]["error"]["code"], "bad-request");
        let message = answer[0]["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_client_that_never_reads_does_not_hold_up_the_others() {
    let daemon = Daemon::start(1_000_000);
    let mut silent = UnixStream::connect(daemon.path()).unwrap();
    silent.write_all(b"{\"show\":\"objects\"}\n").unwrap();
    let mut mute = UnixStream::connect(daemon.path()).unwrap();
    mute.write_all(b"{").unwrap();
    assert_eq!(daemon.raw(b"{\"show\":\"routers\"}\n"), [json!({"end": {"count": 0}})]);
}

#[test]
fn too_many_clients_are_told_to_come_back() {
    let daemon = Daemon::start(0);
    let held: Vec<_> =
        (0..MAX_CLIENTS).map(|_| UnixStream::connect(daemon.path()).unwrap()).collect();
    let text = refused(Client::new(daemon.path()).all(&Request::Routers));
    assert!(text.contains("try again"), "{text}");
    drop(held);
}

#[test]
fn an_answer_without_its_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::BufReader::new(&stream).read_line(&mut String::new()).unwrap();
        stream.write_all(b"{\"item\":1}\n{\"item\":").unwrap();
    });
    let text = refused(Client::new(&path).all(&Request::Objects));
    assert!(text.contains("cut short"), "{text}");
    server.join().unwrap();
}

#[test]
fn no_daemon_is_exit_code_3_with_the_way_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.sock");
    let failure = Client::new(&path).ask::<u64>(&Request::Routers).unwrap_err();
    assert_eq!(failure.code(), EXIT_UNREACHABLE);
    assert!(format!("{failure:?}").contains("cosmos run --manifests"), "{failure:?}");
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/c.sock");
    let bound = bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else stays");
    drop(bound);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "std leaves the file behind, like a daemon that was killed");
    let bound = bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(SocketError::InUse(_))));
    drop(bound);
    fs::write(&path, "precious").unwrap();
    assert!(matches!(bind(&path), Err(SocketError::NotASocket(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn the_old_daemon_does_not_remove_the_new_ones_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.sock");
    let old = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let new = bind(&path).unwrap();
    drop(old);
    assert!(path.exists());
    assert_eq!(new.path(), path);
}
