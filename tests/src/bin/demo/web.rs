//! The web app in a browser, over the embedded S3 server: `cargo demo --web`.

use std::path::Path;

use serde_json::json;
use tiered_storage_core::metadata::mime_type_of;
use tiered_storage_tasks::{app, host::Host};
use tiered_storage_tests::server::{self, Fault, Object, Rule, Server};

use crate::{
    DemoError, assets, media,
    numbers::{bytes, counted},
    options::{Options, Part},
    report::Report,
    site::{self, Site},
};

const BUCKET: &str = "library";

/// Builds the app unless it is to be served as it is, fills a bucket, and serves both until the process ends.
pub(crate) async fn run(options: &Options) -> Result<(), DemoError> {
    let host = Host::new().map_err(DemoError::Assets)?;
    if options.part == Part::Web {
        app::build_package(&host).and_then(|()| app::build(&host)).map_err(DemoError::Assets)?;
    }
    let io = |path: &str| {
        let path = path.into();
        move |error| DemoError::Io(path, error)
    };
    let listener = site::listen(options.port).await.map_err(io("127.0.0.1"))?;
    let address = listener.local_addr().map_err(io("127.0.0.1"))?;
    let origin = format!("http://{address}");
    let server = serve(options.port + 1, &origin).map_err(io("127.0.0.1"))?;
    if !options.latency.is_zero() {
        server.faults().add(Rule::new(Fault::Latency(options.latency)).always());
    }
    let report = Report::new();
    let mut filled = fill(&server, &assets::folder(options.folder.as_deref())?, &report)?;
    if options.folder.is_none()
        && let Some(folder) = media::folder(&host)?
    {
        let more = fill(&server, &folder, &report)?;
        filled = (filled.0 + more.0, filled.1 + more.1);
    }
    let keys = server.options();
    let mut site = Site::read(&host.root.join(app::BUILT)).map_err(io(app::BUILT))?;
    site.add(
        "/config.json",
        json!({
            "endpoint": server.endpoint(),
            "region": keys.region,
            "bucket": BUCKET,
            "accessKeyId": keys.access_key,
            "secretAccessKey": keys.secret_key,
        })
        .to_string(),
    );
    report.heading(&format!("The library is at {origin}"));
    report.line(&format!("{}, {}, in an S3 server", counted(filled.0, "file"), bytes(filled.1)));
    report.line(&format!("at {}, every request signed", server.endpoint()));
    report.line("Stop it with Ctrl+C: the app in the browser goes on without it.");
    site.serve(listener).await;
    Ok(())
}

/// A server that lets pages of this origin in; at any port where somebody has the one that is asked for.
fn serve(port: u16, origin: &str) -> std::io::Result<Server> {
    let options = |port| server::Options {
        buckets: vec![BUCKET.to_owned()],
        cors_origins: vec![origin.to_owned()],
        port,
        ..server::Options::default()
    };
    Server::start(options(Some(port))).or_else(|_| Server::start(options(None)))
}

/// Puts every file of a folder into the bucket; gives how many there were, and their bytes.
fn fill(server: &Server, folder: &Path, report: &Report) -> Result<(u64, u64), DemoError> {
    let files = assets::scan(folder, report)?;
    let bar = report.bar("filling the bucket", files.len());
    for file in &files {
        let mut object = Object::new(file.load(folder)?);
        object.content_type = mime_type_of(file.key.as_str());
        server.put_object_raw(BUCKET, file.key.as_str(), object);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((files.len() as u64, files.iter().map(|file| file.size).sum()))
}
