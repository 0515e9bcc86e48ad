//! One encoder per kind of text. A value that an encoder cannot represent unchanged is refused, never altered.

/// The kind of text a template produces, which decides how values are written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// A line of kickstart commands, read with Python's shlex.
    Kickstart,
    /// A shell script.
    Shell,
    /// An iPXE script: it has no quoting, so only harmless characters pass.
    Ipxe,
    /// A GRUB script: within single quotes nothing is special to it.
    Grub,
    /// A configuration of pxelinux, which has no quoting either.
    Pxelinux,
    /// An INI file read by oslo.config or ConfigParser.
    Ini,
    /// Lines of words, such as `/etc/hosts`.
    Plain,
}

impl Context {
    /// All kinds, with the names by which the template engine knows them.
    const NAMES: [(&'static str, Self); 7] = [
        ("kickstart", Self::Kickstart),
        ("shell", Self::Shell),
        ("ipxe", Self::Ipxe),
        ("grub", Self::Grub),
        ("pxelinux", Self::Pxelinux),
        ("ini", Self::Ini),
        ("plain", Self::Plain),
    ];

    /// The kind of text, from the name of its template: `x.ks.j2`, `x.sh.j2`, `env.j2`, `x.ipxe.j2`, `x.conf.j2`.
    pub(crate) fn of_template(name: &str) -> Self {
        let name = name.strip_suffix(".j2").unwrap_or(name);
        let file = name.rsplit('/').next().unwrap_or(name);
        match file.rsplit_once('.').map_or(file, |(_, extension)| extension) {
            "ks" => Self::Kickstart,
            "sh" | "env" => Self::Shell,
            "ipxe" => Self::Ipxe,
            "grub" => Self::Grub,
            "pxelinux" => Self::Pxelinux,
            "ini" | "conf" => Self::Ini,
            _ => Self::Plain,
        }
    }

    /// The name for the template engine.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, context)| *context == self).map_or("plain", |(name, _)| name)
    }

    /// The reverse of [`Context::name`].
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, context)| *context)
    }

    /// Encodes a value for this kind of text, or says why it cannot be.
    pub(crate) fn encode(self, value: &str) -> Result<String, &'static str> {
        refuse_control(value)?;
        match self {
            Self::Kickstart => kickstart(value),
            Self::Shell => Ok(shell(value)),
            Self::Ipxe | Self::Pxelinux => ipxe(value),
            Self::Grub => grub(value),
            Self::Ini => ini(value),
            Self::Plain => Ok(value.into()),
        }
    }
}

/// Refuses line breaks and all other characters that would end a line or move a cursor.
pub(crate) fn refuse_control(value: &str) -> Result<(), &'static str> {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if value.contains(is_break) { Err("holds a line break or another control character") } else { Ok(()) }
}

/// Refuses what a kickstart parser would take for the start or end of a section.
pub(crate) fn refuse_section_word(value: &str) -> Result<(), &'static str> {
    if value.trim_start().starts_with('%') { Err("begins with `%`, as sections of a kickstart do") } else { Ok(()) }
}

/// Quotes for a POSIX shell: within single quotes, only the single quote itself is special.
pub(crate) fn shell(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn kickstart(value: &str) -> Result<String, &'static str> {
    refuse_section_word(value)?;
    if value.contains('#') {
        return Err("holds a `#`, which some installers take for a comment even inside quotes");
    }
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"@%+=:,./_-$*!".contains(&b);
    if !value.is_empty() && value.bytes().all(bare) {
        return Ok(value.into());
    }
    Ok(format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\"")))
}

fn grub(value: &str) -> Result<String, &'static str> {
    if value.contains('\'') {
        return Err("holds a single quote, which GRUB takes for the end of a text");
    }
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"._:/=,@+~-".contains(&b);
    let is_bare = !value.is_empty() && value.bytes().all(bare);
    Ok(if is_bare { value.into() } else { format!("'{value}'") })
}

fn ipxe(value: &str) -> Result<String, &'static str> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b" ._:/=,@+~%-".contains(&b);
    if value.bytes().all(harmless) {
        return Ok(value.into());
    }
    Err("holds a character that is special to iPXE; letters, digits, spaces and ._:/=,@+~%- are safe")
}

/// Makes any text safe for a message on an iPXE console, and short; for words that machines sent.
pub(crate) fn ipxe_message(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii() && ipxe(c.encode_utf8(&mut [0; 4])).is_ok() { c } else { ' ' };
    let cleaned: String = text.chars().map(harmless).collect();
    let words: Vec<&str> = cleaned.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}

fn ini(value: &str) -> Result<String, &'static str> {
    if value.trim() != value {
        return Err("begins or ends with a space, which an INI reader drops");
    }
    Ok(value.replace('$', "$$").replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_template_tells_its_kind() {
        for (name, context) in [
            ("kickstart/base.ks.j2", Context::Kickstart),
            ("kickstart/parts/pre.sh.j2", Context::Shell),
            ("templates/firstboot/env.j2", Context::Shell),
            ("templates/firstboot/hosts.j2", Context::Plain),
            ("templates/ipxe/install.ipxe.j2", Context::Ipxe),
            ("templates/grub/install.grub.j2", Context::Grub),
            ("templates/pxelinux/install.pxelinux.j2", Context::Pxelinux),
            ("nova.conf.j2", Context::Ini),
        ] {
            assert_eq!(Context::of_template(name), context, "{name}");
            assert_eq!(Context::from_name(context.name()), Some(context));
        }
    }

    #[test]
    fn a_line_break_is_refused_everywhere() {
        for (_, context) in Context::NAMES {
            for hostile in ["a\nb", "a\r", "\0", "\u{1b}[2J", "\u{2028}"] {
                assert!(context.encode(hostile).is_err(), "{context:?} {hostile:?}");
            }
        }
    }

    #[test]
    fn ipxe_takes_no_expansion_and_no_operator() {
        for hostile in ["${net0/mac}", "a && b", "a || b", "# x", "a; b", "a|b"] {
            assert!(Context::Ipxe.encode(hostile).is_err(), "{hostile}");
        }
        assert_eq!(Context::Ipxe.encode("console=ttyS0,115200 quiet").unwrap(), "console=ttyS0,115200 quiet");
        assert_eq!(ipxe_message("step\n${x} failed || reboot; \u{1b}[1m"), "step x failed reboot 1m");
    }

    #[test]
    fn grub_values_are_bare_or_in_single_quotes_and_expand_nothing() {
        let encode = |value| Context::Grub.encode(value);
        assert_eq!(encode("console=ttyS0,115200").unwrap(), "console=ttyS0,115200");
        assert_eq!(encode("(tftp,10.0.0.1)/x").unwrap(), "'(tftp,10.0.0.1)/x'");
        for hostile in ["$root", "a;reboot", "a {b}", ""] {
            assert_eq!(encode(hostile).unwrap(), format!("'{hostile}'"));
        }
        assert!(encode("it's").is_err());
    }

    #[test]
    fn kickstart_values_are_bare_or_in_double_quotes() {
        let encode = |value| Context::Kickstart.encode(value);
        assert_eq!(encode("$6$salt$hash./").unwrap(), "$6$salt$hash./");
        assert_eq!(encode("console=ttyS0 quiet").unwrap(), "\"console=ttyS0 quiet\"");
        assert_eq!(encode("a\"b\\c'd").unwrap(), r#""a\"b\\c'd""#);
        assert_eq!(encode("").unwrap(), "\"\"");
        assert!(encode("%end").is_err() && encode(" %post").is_err() && encode("a # b").is_err());
    }

    #[test]
    fn ini_doubles_what_interpolates() {
        assert_eq!(Context::Ini.encode("100%$x").unwrap(), "100%%$$x");
        assert!(Context::Ini.encode(" x").is_err());
    }
}
