//! The network boot programs embedded in the binary: `make firmware` collects them from distribution packages before
//! the build.

use axum::body::Bytes;
use rust_embed::Embed;

use crate::boot::NetworkBootProgram;

#[derive(Embed)]
#[folder = "firmware/"]
struct Files;

/// Returns a network boot program by its published name; `None` for any other name.
pub(crate) fn by_name(name: &str) -> Option<Bytes> {
    NetworkBootProgram::ALL.iter().find(|program| program.file_name() == name).and_then(|program| content(*program))
}

/// Returns the names of the programs that this build lacks.
pub(crate) fn missing() -> Vec<&'static str> {
    let lacks = |program: &&NetworkBootProgram| content(**program).is_none();
    NetworkBootProgram::ALL.iter().filter(lacks).map(|program| program.file_name()).collect()
}

fn content(program: NetworkBootProgram) -> Option<Bytes> {
    Files::get(program.file_name()).map(|file| match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    })
}
