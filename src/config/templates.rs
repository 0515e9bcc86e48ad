//! The operator's folder of templates: it is read completely and every name is checked, but nothing is rendered yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::load::reason;
use crate::media::Content;
use crate::render::Templates;

/// The largest number of files that a folder of templates may have.
const MAX_FILES: usize = 500;
/// The largest size of a template, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads every file below `kickstart/` and `templates/` of the folder. An error is a message and one thing to do.
pub(super) fn read(folder: &Path) -> Result<Templates, (String, String)> {
    let name = folder.display();
    match fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => {
            return Err((format!("the templates {name} are not a folder"), "name the folder that holds them".into()));
        }
        Err(error) => {
            let message = format!("the folder of templates {name} cannot be read: {}", reason(&error));
            return Err((message, "correct the path, or leave it out to use the templates of rackstart".into()));
        }
    }
    let mut files = BTreeMap::new();
    for below in ["kickstart", "templates"] {
        let place = folder.join(below);
        if place.is_dir() {
            collect(&place, below, &mut files)?;
        }
    }
    let strays = strays(folder)?;
    if let Some(stray) = strays.first().filter(|_| !files.is_empty()) {
        let help = "only what lies in kickstart/ and templates/ is read: move it there, or out of this folder".into();
        return Err((format!("{name}/{stray} replaces no template of rackstart"), help));
    }
    if files.is_empty() {
        let help = "put files such as kickstart/snippets/post.sh.j2 or kickstart/base.ks.j2 there".into();
        return Err((format!("the folder of templates {name} holds no template"), help));
    }
    Ok(Templates { folder: name.to_string(), files })
}

/// Files beside the two folders that are read: somebody may believe that they have an effect.
fn strays(folder: &Path) -> Result<Vec<String>, (String, String)> {
    let failed = |error: std::io::Error| {
        (
            format!("{} cannot be read: {}", folder.display(), reason(&error)),
            "make it readable for this user".to_string(),
        )
    };
    let mut strays = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let file = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !["kickstart", "templates"].contains(&file.as_str()) && !is_beside(&file) {
            strays.push(file);
        }
    }
    strays.sort();
    Ok(strays)
}

/// Whether it is a file that editors, version control or people leave beside templates.
fn is_beside(file: &str) -> bool {
    file.starts_with('.') || file.ends_with(['~', '#']) || file.ends_with(".orig") || file == "README.md"
}

fn collect(place: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), (String, String)> {
    let failed = |error: &std::io::Error| {
        (format!("{} cannot be read: {}", place.display(), reason(error)), "make it readable for this user".to_string())
    };
    for entry in fs::read_dir(place).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let path = entry.path();
        let Ok(file) = entry.file_name().into_string() else {
            return Err((format!("{} has a name that is not UTF-8", path.display()), "rename it".into()));
        };
        if is_beside(&file) {
            continue;
        }
        let name = format!("{prefix}/{file}");
        if path.is_dir() {
            collect(&path, &name, files)?;
            continue;
        }
        if let Err(help) = Templates::check_name(&name) {
            return Err((format!("{} replaces no template of rackstart", path.display()), help));
        }
        files.insert(name, read_text(&path)?);
        if files.len() > MAX_FILES {
            let message = format!("{} holds more than {MAX_FILES} files", place.display());
            return Err((message, "name the folder that holds the templates and nothing else".into()));
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, (String, String)> {
    let name = path.display();
    let failed = |error: std::io::Error| {
        (format!("{name} cannot be read: {}", reason(&error)), "make it readable for this user".into())
    };
    let content = Content::named(path).map_err(failed)?;
    if content.length() > MAX_BYTES {
        return Err((format!("{name} is larger than any template"), "move it elsewhere".into()));
    }
    let line_of = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    let text = String::from_utf8(content.bytes(MAX_BYTES).map_err(failed)?).map_err(|error| {
        let line = line_of(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        (format!("{name}:{line}: the template is not UTF-8 text"), "save it as UTF-8".into())
    })?;
    // Removes what editors on Windows add: no shell and no installer ignores either.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    match text.find(['\0', '\r']) {
        None => Ok(text),
        Some(at) => {
            let message =
                format!("{name}:{}: the template holds {}", line_of(&text.as_bytes()[..at]), control(&text[at..]));
            Err((message, "remove it: scripts and kickstarts are lines of text".into()))
        }
    }
}

fn control(text: &str) -> &'static str {
    if text.starts_with('\0') { "a zero byte" } else { "a carriage return inside a line" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_saved_on_windows_reads_as_any_other_and_one_that_is_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("post.sh.j2");
        let read = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read_text(&path).map_err(|(message, _)| message.rsplit('/').next().unwrap().to_string())
        };
        assert_eq!(read(b"\xef\xbb\xbfecho a\r\necho b\r\n"), Ok("echo a\necho b\n".into()));
        assert_eq!(read(b"echo a\n\techo b"), Ok("echo a\n\techo b".into()));
        assert_eq!(read(b"a\nb\0"), Err("post.sh.j2:2: the template holds a zero byte".into()));
        assert_eq!(read(b"a\rb\n"), Err("post.sh.j2:1: the template holds a carriage return inside a line".into()));
        assert_eq!(read(b"a\n\xff"), Err("post.sh.j2:2: the template is not UTF-8 text".into()));
    }
}
