//! `cosmos explain`: why a prefix goes where it goes.

use std::io::{self, Write};

use speaker::view::ExplainView;

use crate::cli::{
    ExplainArgs, ExplainWhat, Failure, JsonArray, Output, OutputFormat, explain_text,
};
use crate::control::Request;

/// Runs `cosmos explain`.
///
/// # Errors
/// [`Failure::Unreachable`] when no daemon answers; [`Failure::Failed`] for an unknown prefix.
pub fn run(args: ExplainArgs) -> Result<(), Failure> {
    let ExplainWhat::Route { prefix } = args.what;
    let client = crate::show::client(&args.control)?;
    let request = Request::Explain { router: args.control.router, prefix: prefix.clone() };
    let views: Vec<ExplainView> = client.all(&request)?;
    if views.iter().all(|view| view.candidates.is_empty()) {
        return Err(Failure::Failed(format!(
            "no path to {prefix}; `cosmos show routes` lists the prefixes known"
        )));
    }
    let mut out = Output::new(io::stdout());
    match args.control.output {
        OutputFormat::Json => {
            let mut array = JsonArray::new(out);
            views.iter().try_for_each(|view| array.push(view))?;
            array.finish()?;
        }
        OutputFormat::Table => {
            for view in views.iter().filter(|view| !view.candidates.is_empty()) {
                out.write_all(explain_text(view).as_bytes())?;
            }
            out.flush()?;
        }
    }
    Ok(())
}
