//! Clients that other people wrote. The crate's own is always here; programs are used where they are installed.

use std::path::Path;
use std::process::Stdio;

use rackstart::server::tftp::Outcome;
use rackstart::wire::tftp::Ending;

use super::server::{TestServer, content};

/// Runs a client program. Prints a line and returns false if it is not installed.
async fn run(program: &str, arguments: &[&str], directory: &Path) -> bool {
    let (name, owned) = (program.to_string(), arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
    let directory = directory.to_path_buf();
    let run = move || {
        let mut command = std::process::Command::new(name);
        command.args(owned).current_dir(directory).stdin(Stdio::null()).output()
    };
    match tokio::task::spawn_blocking(run).await.expect("no panic") {
        Ok(output) => {
            println!("used: {program} {}", arguments.join(" "));
            assert!(output.status.success(), "{program}: {output:?}");
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("not installed, not used: {program}");
            false
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[tokio::test]
async fn tftpd_crate_client_downloads_with_and_without_a_window() {
    let mut server = TestServer::with(content(300_000)).await;
    let directory = tempfile::tempdir().unwrap();
    let port = server.address.port().to_string();
    for (blocksize, window) in [("512", "1"), ("1468", "1"), ("1468", "16"), ("65464", "3"), ("1468", "64")] {
        let arguments = ["nbp", "-p", &port, "-b", blocksize, "-w", window, "-rd", directory.path().to_str().unwrap()];
        let config = tftpd::ClientConfig::new(arguments.map(String::from).into_iter()).unwrap();
        let fetch = move || tftpd::Client::new(&config).unwrap().run().unwrap();
        assert!(tokio::task::spawn_blocking(fetch).await.unwrap(), "block size {blocksize}, window {window}");
        let file = directory.path().join("nbp");
        assert!(std::fs::read(&file).unwrap() == content(300_000), "block size {blocksize}, window {window}");
        assert_eq!(server.seen().await.outcome, Outcome::Ended(Ending::Finished));
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn installed_clients_download_every_byte() {
    let mut server = TestServer::with(content(300_000)).await;
    let directory = tempfile::tempdir().unwrap();
    let port = server.address.port().to_string();
    let url = format!("tftp://127.0.0.1:{port}/nbp");
    let tries: [(&str, Vec<&str>); 7] = [
        ("curl", vec!["-sS", "-o", "out", &url]),
        ("curl", vec!["-sS", "--tftp-no-options", "-o", "out", &url]),
        ("curl", vec!["-sS", "--tftp-blksize", "1468", "-o", "out", &url]),
        ("tftp", vec!["-m", "binary", "127.0.0.1", &port, "-c", "get", "nbp", "out"]),
        ("atftp", vec!["-g", "-r", "nbp", "-l", "out", "127.0.0.1", &port]),
        (
            "atftp",
            vec![
                "--option",
                "blksize 1468",
                "--option",
                "windowsize 8",
                "-g",
                "-r",
                "nbp",
                "-l",
                "out",
                "127.0.0.1",
                &port,
            ],
        ),
        ("busybox", vec!["tftp", "-g", "-b", "1468", "-r", "nbp", "-l", "out", "127.0.0.1", &port]),
    ];
    for (program, arguments) in tries {
        if run(program, &arguments, directory.path()).await {
            let file = directory.path().join("out");
            assert!(std::fs::read(&file).unwrap() == content(300_000), "{program} {arguments:?}");
            std::fs::remove_file(file).unwrap();
            let seen = server.seen().await;
            assert!(seen.outcome.is_success(), "{program}: {seen:?}");
        }
    }
}
