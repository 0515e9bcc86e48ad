//! `kernel_args`: what an operator adds to the command line of the installer and of the installed system.

use toml::Spanned;

use super::reader::Section;
use crate::words::quote;

/// Arguments that rackstart or the installer sets. Where a name occurs twice the last one counts, so another one would
/// lead the installer to a kickstart that nobody checked or to another card or tree, or the installed system to another
/// root.
const SET: [&str; 16] = [
    "ks",
    "inst.ks",
    "ksdevice",
    "ks.device",
    "inst.ks.device",
    "BOOTIF",
    "ip",
    "method",
    "repo",
    "inst.repo",
    "stage2",
    "inst.stage2",
    "syslog",
    "inst.syslog",
    "initrd",
    "root",
];

/// Reads the arguments, which pass through an iPXE script, the kernel command line and a quoted kickstart option.
pub(super) fn read<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let text = section.text("kernel_args")?;
    let allowed = |letter: &char| letter.is_ascii_alphanumeric() || " =,.:/_-+@%".contains(*letter);
    if let Some(letter) = text.get_ref().chars().find(|letter| !allowed(letter)) {
        let message = format!("{}: `kernel_args` holds {}", section.place, quote(&letter.to_string()));
        section.found.report(text.span(), message, "use letters, digits, blanks and any of = , . : / _ - + @ %");
        return None;
    }
    let objections: Vec<_> = text.get_ref().split_ascii_whitespace().filter_map(objection).collect();
    for (what, help) in &objections {
        section.found.report(text.span(), format!("{}: `kernel_args` {what}", section.place), *help);
    }
    objections.is_empty().then_some(text)
}

/// Why an argument cannot be intended, and one thing to do.
fn objection(argument: &str) -> Option<(String, &'static str)> {
    const CONSOLE: &str = "write for example \"console=ttyS1,115200n8\"";
    let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
    if SET.contains(&name) {
        return Some((format!("sets `{name}`, which is set already"), "remove it"));
    }
    let port = value.strip_prefix("/dev/").unwrap_or(value).to_ascii_lowercase();
    let is_serial = port.starts_with("ttys") || port.starts_with("com");
    if name == "console" && (port.len() < value.len() || is_serial && !is_serial_port(value)) {
        return Some((format!("has {}, which is not a console of a kernel", quote(argument)), CONSOLE));
    }
    // A speed after a blank is an argument of its own, which the kernel passes to init.
    let digits = argument.trim_end_matches(|letter: char| letter.is_ascii_lowercase() || matches!(letter, '7' | '8'));
    let is_speed = argument.len() >= 4 && digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit());
    is_speed.then(|| (format!("has {} as an argument of its own", quote(argument)), CONSOLE))
}

/// Whether the value is `ttyS` with a number and, after one comma, a speed that may be followed by parity, bits and
/// flow control (Documentation/admin-guide/serial-console in the kernel's sources).
fn is_serial_port(value: &str) -> bool {
    let (port, options) = value.split_once(',').unwrap_or((value, "9600"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let speed = options.trim_end_matches('r').trim_end_matches(['7', '8']).trim_end_matches(['n', 'o', 'e']);
    let speed = if is_number(options.trim_end_matches('r')) { options.trim_end_matches('r') } else { speed };
    port.strip_prefix("ttyS").is_some_and(is_number) && is_number(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_set_already_and_consoles_that_are_none_are_refused() {
        for good in [
            "quiet",
            "console=tty0",
            "console=ttyS1",
            "console=ttyS1,115200",
            "console=ttyS0,115200n8",
            "console=hvc0",
            "console=ttyS10,38400n8r",
            "console=ttyS0,9600e7",
            "console=ttyUSB0",
            "console=ttyAMA0,115200",
            "3",
            "single",
            "ipv6.disable=1",
            "rd.lvm.lv=a/b",
            "crashkernel=128M",
            "console=uart8250,io,0x3f8,9600n8",
            "iommu=pt",
            "0x10",
            "console=ttyS0,115200n8r",
            "ipmi",
            "noipv6",
        ] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in [
            "ks=http://192.168.0.9/ks.cfg",
            "inst.ks=nfs:h:/x",
            "ip=dhcp",
            "BOOTIF=01-52-54-00-a8-02-01",
            "root=/dev/sda1",
            "inst.repo=http://m/",
            "initrd=x",
            "console=ttys0",
            "console=ttyS",
            "console=com1",
            "console=COM2",
            "console=/dev/ttyS0",
            "console=ttyS1,115200,n8",
            "console=ttyS1,n8",
            "console=ttyS1:115200",
            "115200",
            "115200n8",
            "9600",
            "inst.syslog=10.0.0.9",
            "console=ttyS1,115200x8",
        ] {
            assert!(objection(bad).is_some(), "{bad}");
        }
    }
}
