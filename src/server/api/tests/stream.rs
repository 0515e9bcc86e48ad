//! Events as they happen, and what happens when a stream breaks.

use std::time::Duration;

use super::*;
use crate::store::Change;

/// What a caller received of a stream.
struct Received {
    body: Body,
    text: String,
}

impl Received {
    async fn next(&mut self) -> Option<(i64, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let found = field("id").map(|id| (id.parse().unwrap(), field("event").unwrap().to_string()));
                if let Some((id, kind)) = &found {
                    let data: Value = serde_json::from_str(field("data").unwrap()).unwrap();
                    assert_eq!((data["id"].as_i64().unwrap(), data["kind"].as_str().unwrap()), (*id, kind.as_str()));
                }
                self.text = rest.to_string();
                match found {
                    Some(found) => return Some(found),
                    None => continue, // a sign of life
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(60), self.body.frame()).await.expect("in time")?;
            self.text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
    }
}

impl Desk {
    async fn listen(&self, token: &str, after: Option<i64>) -> Result<Received, StatusCode> {
        let mut request = Self::request(Method::GET, "/api/v1/events", Some(token));
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo("127.0.0.1:2".parse::<SocketAddr>().unwrap()));
        let response = self.app.clone().oneshot(request).await.unwrap();
        match response.status() {
            StatusCode::OK => Ok(Received { body: response.into_body(), text: String::new() }),
            status => Err(status),
        }
    }

    async fn happens(&self, mark: &'static str) {
        let mac = "52:54:00:a8:02:01".parse().unwrap();
        self.store.change(mac, Change::Mark { mark, detail: "two\nlines".into() }).await.unwrap();
    }
}

#[tokio::test]
async fn events_arrive_as_they_happen_and_a_caller_that_comes_back_misses_none() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    desk.happens("before").await;
    let mut stream = desk.listen(&token, None).await.unwrap();
    desk.happens("first").await;
    assert_eq!(stream.next().await, Some((2, "first".into())), "what was before is not told");
    desk.happens("second").await;
    assert_eq!(stream.next().await, Some((3, "second".into())));
    drop(stream);
    desk.happens("third").await;
    let mut again = desk.listen(&token, Some(2)).await.unwrap();
    assert_eq!(again.next().await, Some((3, "second".into())));
    assert_eq!(again.next().await, Some((4, "third".into())));
    let mut all = desk.listen(&token, Some(0)).await.unwrap();
    assert_eq!(all.next().await, Some((1, "before".into())));
}

#[tokio::test]
async fn a_stream_ends_with_the_daemon_and_with_the_token() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    let mut stream = desk.listen(&token, None).await.unwrap();
    desk.api.keeper.revoke("viewer", &Actor::socket(0, None)).await.unwrap();
    desk.happens("secret").await;
    assert_eq!(stream.next().await, None, "nothing is told after the token was revoked");
    let token = desk.token(Role::Viewer).await;
    let mut stream = desk.listen(&token, None).await.unwrap();
    desk.shutdown.cancel();
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn streams_are_counted_and_a_closed_one_gives_its_place_back() {
    let desk = Desk::new().await;
    let token = desk.token(Role::Viewer).await;
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        open.push(desk.listen(&token, None).await.unwrap());
    }
    assert_eq!(desk.listen(&token, None).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    open.pop();
    assert!(desk.listen(&token, None).await.is_ok());
}
