//! What earlier releases of rackstart stored in another form. Names that those releases had built in occur only here.

use serde::{Deserialize, Deserializer};

use crate::site::Keepsakes;

/// The name under which the only keepsake of 0.1 is stored now: a node's identity among its GlusterFS peers.
const ONLY_KEEPSAKE: &str = "GLUSTER_UUID";

/// Reads keepsakes by name, or the single value that 0.1 stored.
pub(super) fn keepsakes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Keepsakes, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Named(Keepsakes),
        Single(Option<String>),
    }
    Ok(match Stored::deserialize(deserializer)? {
        Stored::Named(keepsakes) => keepsakes,
        Stored::Single(value) => value.map(|value| (ONLY_KEEPSAKE.to_string(), value)).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Record;

    #[test]
    fn a_record_of_an_earlier_release_keeps_its_identity() {
        let id = "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f";
        let mut stored = serde_json::to_value(Record::new(7)).unwrap();
        let record = |stored: &serde_json::Value| serde_json::from_value::<Record>(stored.clone()).unwrap().keepsakes;
        assert_eq!(record(&stored), Keepsakes::new());
        let fields = stored.as_object_mut().unwrap();
        fields.remove("keepsakes");
        fields.insert("gluster".into(), id.into());
        assert_eq!(record(&stored), Keepsakes::from([(ONLY_KEEPSAKE.to_string(), id.to_string())]));
        stored["gluster"] = serde_json::Value::Null;
        assert_eq!(record(&stored), Keepsakes::new());
    }
}
