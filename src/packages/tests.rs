use super::*;

const PRIMARY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="3">
<package type="rpm"><name>qemu-kvm</name><arch>x86_64</arch><version epoch="2" ver="0.12.1.2" rel="2.295.el6"/>
<summary>a &lt;b&gt; &amp; c</summary><description>name</description>
<format><rpm:license>GPL</rpm:license>
<rpm:provides><rpm:entry name="kvm" flags="EQ" epoch="0" ver="85"/><rpm:entry name="unasked"/></rpm:provides>
<rpm:requires><rpm:entry name="glibc"/></rpm:requires></format></package>
<package type="rpm"><name>qemu-kvm</name><arch>x86_64</arch><version epoch="2" ver="0.12.1.2" rel="2.503.el6"/><format/></package>
<package type="rpm"><name>glibc</name><arch>src</arch><version epoch="0" ver="2" rel="1"/><format/></package>
</metadata>"#;

const COMPS: &str = r#"<?xml version="1.0"?><!DOCTYPE comps PUBLIC "-//CentOS//DTD Comps info//EN" "comps.dtd">
<comps><group><id>core</id><name>Core</name><name xml:lang="de">Kern</name>
<packagelist><packagereq type="mandatory">bash</packagereq></packagelist></group>
<environment><id>minimal</id><name>Minimal Install</name><grouplist><groupid>core</groupid></grouplist></environment></comps>"#;

fn names(names: &[&str]) -> Names {
    names.iter().map(|name| name.to_string()).collect()
}

fn sample() -> Metadata {
    let mut metadata = Metadata::default();
    primary(PRIMARY.as_bytes(), &names(&["qemu-kvm", "kvm", "glibc", "absent"]), &mut metadata).unwrap();
    metadata
}

#[test]
fn of_a_list_of_packages_the_asked_names_are_kept_with_their_newest_version() {
    let metadata = sample();
    assert_eq!(metadata.version("qemu-kvm").unwrap().to_string(), "2:0.12.1.2-2.503.el6");
    assert!(metadata.has("kvm"), "what a package provides");
    assert!(!metadata.has("glibc"), "what a package needs, or a source package, installs nothing");
    assert!(!metadata.provided.contains("unasked"));
    assert_eq!(metadata.count(), 3);
}

#[test]
fn what_lies_on_another_disc_of_a_set_is_not_here() {
    let on = |disc: u8| {
        let location =
            format!("<location xml:base=\"media://1286197228.6#{disc}\" href=\"Packages/glibc.rpm\"/><format/>");
        let text = PRIMARY
            .replace("<arch>src</arch>", "<arch>x86_64</arch>")
            .replace("rel=\"1\"/><format/>", &format!("rel=\"1\"/>{location}"));
        let mut metadata = Metadata::default();
        primary(text.as_bytes(), &names(&["glibc"]), &mut metadata).unwrap();
        metadata.has("glibc")
    };
    assert!(on(1) && !on(2));
}

#[test]
fn groups_are_known_by_id_and_by_name_in_their_own_language() {
    let mut metadata = sample();
    assert_eq!(metadata.groups, None);
    groups(COMPS.as_bytes(), &mut metadata).unwrap();
    let known: Vec<_> = metadata.groups.unwrap().into_iter().collect();
    assert_eq!(known, ["Core", "Minimal Install", "core", "minimal"]);
}

#[test]
fn what_no_repository_has_is_missing_and_groups_only_where_there_are_any() {
    let mut metadata = sample();
    let by = BTreeSet::from(["a step".to_string()]);
    let needs: Needs =
        ["kvm", "absent", "-glibc", "@core", "@none", "@^minimal"].map(|name| (name.into(), by.clone())).into();
    let missing_names = |metadata: &Metadata| missing(&needs, &[metadata]).iter().map(|(n, _)| n.to_string()).collect();
    let without_groups: Vec<String> = missing_names(&metadata);
    assert_eq!(without_groups, ["absent"]);
    groups(COMPS.as_bytes(), &mut metadata).unwrap();
    let with_groups: Vec<String> = missing_names(&metadata);
    assert_eq!(with_groups, ["@none", "absent"]);
    assert_eq!(newest("qemu-kvm", &[&Metadata::default(), &metadata]), metadata.version("qemu-kvm"));
}

const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn repomd(data: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">{data}</repomd>").into()
}

fn data(kind: &str, path: &str, checksum: &str) -> String {
    format!(
        "<data type=\"{kind}\"><checksum type=\"sha256\">{checksum}</checksum><open-checksum type=\"sha256\">00\
         </open-checksum><location href=\"{path}\"/><size>12</size><open-size>99</open-size></data>"
    )
}

#[test]
fn the_index_names_packages_and_groups_with_their_checksums() {
    let text = repomd(
        &[
            data("filelists", "repodata/f.xml.gz", SUM),
            data("primary", "repodata/p.xml.gz", SUM),
            data("group", "repodata/c.xml", SUM),
            data("group_gz", "repodata/c.xml.gz", SUM),
        ]
        .concat(),
    );
    let parts = index(&text).unwrap();
    let others: Vec<_> = parts.iter().filter(|part| part.kind == Kind::Other).map(|part| part.path.as_str()).collect();
    assert_eq!(others, ["repodata/f.xml.gz", "repodata/c.xml"]);
    let parts: Vec<_> = parts.iter().filter(|part| part.kind != Kind::Other).collect();
    assert_eq!((parts[0].kind, parts[0].path.as_str(), parts[0].size), (Kind::Primary, "repodata/p.xml.gz", Some(12)));
    assert_eq!((parts[0].checksum.algorithm, parts[0].checksum.hex.as_str()), (Algorithm::Sha256, SUM));
    assert_eq!((parts[1].kind, parts[1].path.as_str()), (Kind::Groups, "repodata/c.xml.gz"));
}

#[test]
fn a_file_that_only_yum_reads_is_left_out_when_it_leads_elsewhere_or_nothing_proves_it() {
    let primary = data("primary", "repodata/p.xml.gz", SUM);
    for other in [data("filelists", "../f.xml", SUM), data("filelists", "repodata/f.xml", "12")] {
        assert_eq!(index(&repomd(&(primary.clone() + &other))).unwrap().len(), 1, "{other}");
    }
}

#[test]
fn an_index_that_leads_elsewhere_or_nowhere_is_damaged() {
    for (text, part) in [
        (repomd(&data("primary", "../../etc/passwd", SUM)), "outside the repository"),
        (repomd(&data("primary", "/etc/passwd", SUM)), "outside the repository"),
        (repomd(&data("primary", "repodata/p.xml", "12")), "no checksum"),
        (repomd(&data("filelists", "repodata/f.xml", SUM)), "no list of packages"),
        (b"<html><body>404</body></html>".to_vec(), "not the index"),
        (b"<repomd><data type=\"primary\"></repomd>".to_vec(), "not XML"),
        (Vec::new(), "not the index"),
    ] {
        let error = index(&text).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn checksums_are_those_of_coreutils() {
    for (algorithm, expected) in [
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ] {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.hex(), expected);
    }
}
