//! `cosmos show`: asks a running daemon and prints the answer.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use speaker::view::{FibView, PeerView, RouteQuery, RouteTable, RouteView, RouterView};

use crate::cli::{
    Columns, ControlArgs, FIB_COLUMNS, Failure, JsonArray, OBJECT_COLUMNS, Output, OutputFormat,
    PEER_COLUMNS, ROUTE_COLUMNS, ShowArgs, ShowWhat, Table, default_control_path, fib_rows,
    object_row, peer_rows, peer_text, route_row,
};
use crate::control::{Client, ObjectView, Request};

/// Runs `cosmos show`.
///
/// # Errors
/// [`Failure::Unreachable`] when no daemon answers; what the daemon refuses.
pub fn run(args: ShowArgs) -> Result<(), Failure> {
    let client = client(&args.control)?;
    let ShowArgs { control, what } = args;
    let show = Show { client: &client, control: &control };
    match what {
        ShowWhat::Peers => {
            let request = Request::Peers { router: control.router.clone() };
            show.items::<PeerView>(&request, PEER_COLUMNS, &show.hidden()?, peer_rows)
        }
        ShowWhat::Peer { peer } => show.peer(peer),
        ShowWhat::Routes { prefix, family } => show.routes(RouteTable::LocRib, family, prefix),
        ShowWhat::Advertised { peer, family } => {
            show.routes(RouteTable::Advertised(peer), family, None)
        }
        ShowWhat::Received { peer, family } => {
            show.routes(RouteTable::Received(peer), family, None)
        }
        ShowWhat::Fib => show.items::<FibView>(&Request::Fib, FIB_COLUMNS, &[], fib_rows),
        ShowWhat::Objects => {
            show.items::<ObjectView>(&Request::Objects, OBJECT_COLUMNS, &[], |object| {
                vec![object_row(object)]
            })
        }
    }
}

/// The client of the socket that was asked for, or of the default one.
///
/// # Errors
/// [`Failure::Usage`] when there is no default.
pub(crate) fn client(control: &ControlArgs) -> Result<Client, Failure> {
    let path = control.control.clone().or_else(default_control_path).ok_or_else(no_default)?;
    Ok(Client::new(path))
}

/// What to say to a user without a runtime folder.
pub(crate) fn no_default() -> Failure {
    Failure::Usage("XDG_RUNTIME_DIR is not set, so say where the socket is: --control PATH".into())
}

struct Show<'a> {
    client: &'a Client,
    control: &'a ControlArgs,
}

impl Show<'_> {
    fn routes(
        &self,
        table: RouteTable,
        family: Option<String>,
        prefix: Option<String>,
    ) -> Result<(), Failure> {
        let query = RouteQuery { router: self.control.router.clone(), family, prefix, table };
        self.items::<RouteView>(
            &Request::Routes { query },
            ROUTE_COLUMNS,
            &self.hidden()?,
            |route| vec![route_row(route)],
        )
    }

    fn peer(&self, peer: String) -> Result<(), Failure> {
        let router = self.control.router.clone();
        let views: Vec<PeerView> = self.client.all(&Request::Peer { router, peer })?;
        let mut out = Output::new(io::stdout());
        match self.control.output {
            OutputFormat::Json => {
                let mut array = JsonArray::new(out);
                views.iter().try_for_each(|view| array.push(view))?;
                array.finish()?;
            }
            OutputFormat::Table => {
                for (ix, view) in views.iter().enumerate() {
                    let gap = if ix == 0 { "" } else { "\n" };
                    write!(out, "{gap}{}", peer_text(view))?;
                }
                out.flush()?;
            }
        }
        Ok(())
    }

    fn items<T: DeserializeOwned + Serialize>(
        &self,
        request: &Request,
        columns: Columns,
        hidden: &[&str],
        rows: impl Fn(&T) -> Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        let out = Output::new(io::stdout());
        let items = self.client.ask::<T>(request)?;
        match self.control.output {
            OutputFormat::Json => {
                let mut array = JsonArray::new(out);
                for item in items {
                    array.push(&item?)?;
                }
                Ok(array.finish()?)
            }
            OutputFormat::Table => {
                let mut table = Table::new(out, columns, hidden);
                for item in items {
                    for row in rows(&item?) {
                        table.row(row)?;
                    }
                }
                Ok(table.finish()?)
            }
        }
    }

    /// A column that would say the same on every line is left out.
    fn hidden(&self) -> Result<Vec<&'static str>, Failure> {
        let one_router = self.control.output == OutputFormat::Json
            || self.control.router.is_some()
            || self.client.all::<RouterView>(&Request::Routers)?.len() < 2;
        Ok(if one_router { vec!["ROUTER"] } else { Vec::new() })
    }
}
