//! The disk for QEMU: the server's side of the NBD protocol, fixed newstyle, simple replies, one client at a time
//! (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md). It offers FLUSH and no FUA: virtio has none.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use super::disk::Disk;

const NEWSTYLE: &[u8; 16] = b"NBDMAGICIHAVEOPT";
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;
/// HAS_FLAGS and SEND_FLUSH.
const EXPORT_FLAGS: u16 = 1 | 1 << 2;
const EXPORT_NAME: u32 = 1;
const ABORT: u32 = 2;
const GO: u32 = 7;
const REPLY_ACK: u32 = 1;
const REPLY_INFO: u32 = 3;
const REPLY_UNSUPPORTED: u32 = 1 << 31 | 1;
const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const EIO: u32 = 5;
const EINVAL: u32 = 22;
/// The largest write that a client may ask for.
const LARGEST: u32 = 32 << 20;

fn take<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn u32_of(from: &mut impl Read) -> io::Result<u32> {
    take(from).map(u32::from_be_bytes)
}

fn u64_of(from: &mut impl Read) -> io::Result<u64> {
    take(from).map(u64::from_be_bytes)
}

fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn bytes_of(from: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    if length > LARGEST {
        return Err(unexpected("too long"));
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Serves the disk to one client until it disconnects, in whatever way.
pub fn serve(mut stream: UnixStream, disk: &Mutex<Disk>) -> io::Result<()> {
    greet(&mut stream, disk.lock().unwrap().bytes())?;
    loop {
        if u32_of(&mut stream)? != REQUEST {
            return Err(unexpected("no request"));
        }
        let [_, _, kind @ ..] = take::<4>(&mut stream)?;
        let (handle, offset, length) = (take::<8>(&mut stream)?, u64_of(&mut stream)?, u32_of(&mut stream)?);
        let done = match u16::from_be_bytes(kind) {
            READ if length <= LARGEST => disk.lock().unwrap().read(offset, length as usize),
            WRITE => {
                let bytes = bytes_of(&mut stream, length)?;
                disk.lock().unwrap().write(offset, bytes).map(|()| Vec::new())
            }
            FLUSH => disk.lock().unwrap().flush().map(|()| Vec::new()),
            DISCONNECT => return Ok(()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        if disk.lock().unwrap().is_off() {
            // No answer and no end, or the machine would hear of it.
            io::copy(&mut stream, &mut io::sink())?;
            return Ok(());
        }
        let code = match &done {
            Ok(_) => 0,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => EINVAL,
            Err(_) => EIO,
        };
        let head = [&REPLY.to_be_bytes()[..], &code.to_be_bytes(), &handle].concat();
        stream.write_all(&[head, done.unwrap_or_default()].concat())?;
    }
}

/// The handshake: every option is refused but GO, whatever the export is called.
fn greet(stream: &mut UnixStream, bytes: u64) -> io::Result<()> {
    let (fixed, no_zeroes) = (1u16, 2u16);
    stream.write_all(&[&NEWSTYLE[..], &(fixed | no_zeroes).to_be_bytes()].concat())?;
    u32_of(stream)?;
    loop {
        if take::<8>(stream)? != NEWSTYLE[8..] {
            return Err(unexpected("no option"));
        }
        let (option, length) = (u32_of(stream)?, u32_of(stream)?);
        bytes_of(stream, length)?;
        let mut reply = |kind: u32, data: &[u8]| {
            let [option, kind, length] = [option, kind, data.len() as u32].map(u32::to_be_bytes);
            stream.write_all(&[&OPTION_REPLY.to_be_bytes()[..], &option, &kind, &length, data].concat())
        };
        match option {
            GO => {
                let export = [&0u16.to_be_bytes()[..], &bytes.to_be_bytes(), &EXPORT_FLAGS.to_be_bytes()].concat();
                reply(REPLY_INFO, &export)?;
                return reply(REPLY_ACK, &[]);
            }
            ABORT => {
                reply(REPLY_ACK, &[])?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            EXPORT_NAME => return Err(unexpected("the one option that cannot be refused")),
            _ => reply(REPLY_UNSUPPORTED, &[])?,
        }
    }
}
