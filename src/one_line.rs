//! Types that are stored and sent as one line of text.

/// Implements what serde's `try_from = "String"` and `into = "String"` need, by the type's own `FromStr` and `Display`.
macro_rules! one_line {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = <$name as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use one_line;
