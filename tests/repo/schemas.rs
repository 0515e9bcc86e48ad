//! The names of the API's schemas. The description has one schema of each name, so of two types that share one, it would
//! describe the wrong one to somebody.

use std::collections::BTreeMap;
use std::path::Path;

use crate::layering::sources;

#[test]
fn no_two_schemas_of_the_api_share_a_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split("ToSchema)]").skip(1) {
            let declared = rest.lines().find_map(|line| {
                let words = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
                let words = words.trim_start_matches("pub ");
                let named = words.strip_prefix("struct ").or_else(|| words.strip_prefix("enum "))?;
                Some(named.split(|c: char| !c.is_alphanumeric()).next()?.to_string())
            });
            places.entry(declared.expect("a type follows")).or_default().push(path.display().to_string());
        }
    }
    assert!(places.len() > 40, "this test no longer finds the schemas: {places:?}");
    let twice: Vec<_> = places.into_iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(twice.is_empty(), "schemas with the same name: {twice:?}");
}
