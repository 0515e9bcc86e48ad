//! Decompresses metadata, whichever way it was compressed: EL6 uses gzip and bzip2, later releases xz and then zstd.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes per read.
const CHUNK: usize = 128 * 1024;
/// The largest window that a decoder may use: createrepo's own compressors stay below 70 MiB.
const MAX_WINDOW: u32 = 96 << 20;

/// Returns the text in `input`, recognised by its first bytes and not by its name. The reader limits how much of it is
/// read.
pub(super) fn text<'a>(input: impl Read + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut input = BufReader::with_capacity(CHUNK, input);
    let start = input.fill_buf()?;
    let text: Box<dyn Read + 'a> = match start {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, MAX_WINDOW / 1024))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(input, MAX_WINDOW.into());
            Box::new(decoder.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?)
        }
        _ => Box::new(input),
    };
    Ok(Box::new(BufReader::with_capacity(CHUNK, text)))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Compresses with the real program.
    fn compressed(command: &str, text: &[u8]) -> Vec<u8> {
        let mut child = Command::new(command)
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        let mut input = child.stdin.take().unwrap();
        let text = text.to_vec();
        let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &text));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn every_way_of_compressing_gives_the_same_text() {
        let expected: Vec<u8> =
            (0..20_000u32).flat_map(|n| format!("<entry name=\"{}\"/>\n", n * 7919).into_bytes()).collect();
        for command in ["cat", "gzip", "bzip2", "xz", "zstd"] {
            let input = match command {
                "cat" => expected.clone(),
                _ => compressed(command, &expected),
            };
            let mut read = Vec::new();
            text(input.as_slice()).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == expected, "{command}: {} bytes", read.len());
            if command != "cat" {
                let half = &input[..input.len() / 2];
                let cut = text(half).and_then(|mut text| text.read_to_end(&mut Vec::new()));
                assert!(cut.is_err(), "{command}: half a file is no file");
            }
        }
    }
}
