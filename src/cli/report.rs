//! `rackstart report`.

use std::path::{Component, Path, PathBuf};

use super::client::Daemon;
use super::{Failure, print};

/// Write all pages as files, for a ticket or an archive: the rack, each node, the cloud and the site file.
///
/// The files need no daemon, no script and no network: open `index.html` in a browser. They show what the pages of
/// `rackstart open` show at this moment, with secrets hidden, and offer no order.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder for the files. It is made; an existing one has to be empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let out = &args.out;
    let cannot = |error: std::io::Error| Failure::fixable(format!("cannot write to {}: {error}", out.display()));
    std::fs::create_dir_all(out).map_err(cannot)?;
    if std::fs::read_dir(out).map_err(cannot)?.next().is_some() {
        let failure = Failure::fixable(format!("the folder {} is not empty", out.display()));
        return Err(failure.hint("name a folder that does not exist yet: --out report-2"));
    }
    let bytes = args.daemon.client(config).get_bytes("/api/v1/report")?;
    let mut count = 0;
    let mut archive = tar::Archive::new(bytes.as_slice());
    for entry in archive.entries().map_err(Failure::bug)? {
        let mut entry = entry.map_err(Failure::bug)?;
        let path = entry.path().map_err(Failure::bug)?.into_owned();
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Failure::bug(format!("the report has a file with the path {}", path.display())));
        }
        let path = out.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(out)).map_err(cannot)?;
        let mut file = std::fs::File::create(&path).map_err(cannot)?;
        std::io::copy(&mut entry, &mut file).map_err(cannot)?;
        count += 1;
    }
    print(&format!("{count} files are in {}; open {}\n", out.display(), out.join("index.html").display()))
}
