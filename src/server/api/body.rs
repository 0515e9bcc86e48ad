//! The body of an order: one JSON object.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::Api;
use super::error::ApiError;

/// The body of an order. A list of values in the order of the fields, which serde would also accept, is refused.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, api).await.map_err(IntoResponse::into_response)?;
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            let error = "the body is a list, but an order is an object";
            let help = "send `{}` for an order without parameters";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, error, help).into_response());
        }
        let Json(order) = Json::from_bytes(&bytes).map_err(IntoResponse::into_response)?;
        Ok(Self(order))
    }
}

/// Reads a whole number in any JSON spelling: `5`, `5.0` and `5e0` are the same number (JSON Schema 2020-12, section
/// 4.2.3).
pub(super) fn whole_number<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else { return Ok(None) };
    let is_exact = |number: &f64| number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(number);
    let whole = number.as_u64().or_else(|| number.as_f64().filter(is_exact).map(|number| number as u64));
    let fits = whole.and_then(|whole| T::try_from(whole).ok());
    fits.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is not a whole number, or is too large")))
}

#[cfg(test)]
mod tests {
    use super::super::orders::Wipe;
    use super::super::tokens::NewToken;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let count = |text: &str| {
            let order: Result<Wipe, _> = serde_json::from_str(&format!(r#"{{"nodes": ["a"], "count": {text}}}"#));
            order.map(|order| order.count).map_err(|error| error.to_string())
        };
        for five in ["5", "5.0", "5e0", "50e-1"] {
            assert_eq!(count(five), Ok(Some(5)), "{five}");
        }
        assert_eq!(count("null"), Ok(None));
        assert_eq!(count("4294967295.0"), Ok(Some(u32::MAX)));
        for other in ["5.5", "-1", "-1.0", "4294967296", "1e300", "\"5\"", "[5]", "true"] {
            assert!(count(other).is_err(), "{other}");
        }
        assert_eq!(serde_json::from_str::<Wipe>(r#"{"nodes": []}"#).unwrap().count, None, "not said");
        let token: NewToken = serde_json::from_str(r#"{"name": "a", "role": "viewer", "days": 30.0}"#).unwrap();
        assert_eq!(token.days, Some(30));
    }
}
