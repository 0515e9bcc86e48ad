//! A conversation with a Redfish service: log in, find the node, look or act, log out.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Line;
use super::http::{Answer, Client, Proof};
use crate::power::redfish::{
    Boot, MOST_MEMBERS, Page, ROOT, Root, System, action_info, divided, link, override_body, reset_body, reset_type,
    said, take_back_body,
};
use crate::power::{Action, Fault, Seen, quoted};
use crate::site::{Endpoint, Trust};

/// Where the node is.
#[derive(Clone, Copy)]
pub(super) struct Where<'a> {
    pub at: &'a Endpoint,
    pub trust: &'a Trust,
    pub system: Option<&'a str>,
}

/// What the service shows of the node.
pub(super) async fn look(line: &Line<'_>, at: Where<'_>) -> Result<Seen, Fault> {
    let mut talk = Talk::begin(line, at).await?;
    let seen = talk.look().await;
    talk.end().await;
    seen
}

/// Carries an action out.
pub(super) async fn act(
    line: &Line<'_>,
    at: Where<'_>,
    action: Action,
    allowed: &impl Fn() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut talk = Talk::begin(line, at).await?;
    let done = talk.act(action, allowed).await;
    talk.end().await;
    done
}

/// Takes an override back, if there is still one.
pub(super) async fn take_back(line: &Line<'_>, at: Where<'_>) -> Result<(), Fault> {
    let mut talk = Talk::begin(line, at).await?;
    let done = talk.take_back().await;
    talk.end().await;
    done
}

struct Talk<'a> {
    line: &'a Line<'a>,
    client: Client<'a>,
    origin: String,
    root: Root,
    /// The session to end.
    session: Option<String>,
    system: Option<&'a str>,
}

impl<'a> Talk<'a> {
    async fn begin(line: &'a Line<'a>, at: Where<'a>) -> Result<Self, Fault> {
        let mut client = Client::new(at.at, at.trust)?;
        let origin = client.origin();
        let mut answer = client.send(Method::GET, ROOT, None, None).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            client.proof = Proof::basic(&line.power.user, line.password.reveal());
            answer = client.send(Method::GET, ROOT, None, None).await?;
        }
        let root = Root::read(&checked(line, answer)?.json()?, &origin)?;
        let mut talk = Self { line, client, origin, root, session: None, system: at.system };
        talk.log_in().await?;
        Ok(talk)
    }

    /// Makes a session. A service without sessions gets the password with each request; so does one that makes none for
    /// another reason than the account, because basic authentication is the one that each service has (DSP0266,
    /// section 13.3).
    async fn log_in(&mut self) -> Result<(), Fault> {
        let (user, password) = (&self.line.power.user, self.line.password.reveal());
        if let Some(sessions) = self.root.sessions.clone() {
            let account = json!({ "UserName": user, "Password": password });
            let answer = self.client.send(Method::POST, &sessions, Some(&account), None).await?;
            if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                checked(self.line, answer)?;
                return Ok(());
            }
            if let (true, Some(token)) = (answer.status.is_success(), answer.header("x-auth-token")) {
                let place = answer.header("location").map(String::from);
                let token = token.to_string();
                self.session = place.and_then(|place| link(&place, &self.origin).ok());
                self.client.proof = Proof::Session(token);
                return Ok(());
            }
        }
        self.client.proof = Proof::basic(user, password);
        Ok(())
    }

    /// Ends the session: a BMC has room for few of them.
    async fn end(mut self) {
        if let Some(session) = self.session.take() {
            // It also ends by itself.
            let _ = self.client.send(Method::DELETE, &session, None, None).await;
        }
    }

    async fn get(&mut self, path: &str) -> Result<Answer, Fault> {
        let answer = self.client.send(Method::GET, path, None, None).await?;
        checked(self.line, answer)
    }

    async fn resource(&mut self, path: &str) -> Result<Value, Fault> {
        self.get(path).await?.json()
    }

    /// The members of a collection, on all its pages.
    async fn members(&mut self, path: &str) -> Result<Vec<(String, Value)>, Fault> {
        let (mut all, mut next) = (Vec::new(), Some(path.to_string()));
        while let Some(path) = next.take() {
            let page = Page::read(&self.resource(&path).await?, &self.origin)?;
            let is_empty = page.members.is_empty();
            all.extend(page.members);
            if all.len() > MOST_MEMBERS {
                let text = format!("the BMC has more than {MOST_MEMBERS} systems");
                return Err(Fault::new(text, "name a BMC of the node itself in `redfish`"));
            }
            next = page.next.filter(|_| !is_empty);
        }
        Ok(all)
    }

    /// The node among the systems of the service.
    async fn system(&mut self) -> Result<System, Fault> {
        let path = self.root.systems.clone();
        let members = self.members(&path).await?;
        let mut names = Vec::new();
        for (path, _) in &members {
            let system = self.read_system(path).await?;
            match self.system {
                Some(name) if system.is(name) => return Ok(system),
                None if members.len() == 1 => return Ok(system),
                _ => names.push(system.names.first().cloned().unwrap_or(system.path)),
            }
        }
        let (text, help) = match (names.is_empty(), self.system) {
            (true, _) => ("the BMC has no system".to_string(), "is it the BMC of a whole chassis?".to_string()),
            (_, Some(name)) => (
                format!("the BMC has no system `{name}`"),
                format!("set `system` to one of: {}", quoted(&names.join(", "))),
            ),
            (_, None) => (
                format!("the BMC has {} systems", names.len()),
                format!("set `system` to one of: {}", quoted(&names.join(", "))),
            ),
        };
        Err(Fault::new(text, help))
    }

    async fn read_system(&mut self, path: &str) -> Result<System, Fault> {
        let answer = self.get(path).await?;
        let mut system = System::read(&answer.json()?, path, &self.origin)?;
        if let Some(version) = answer.header("etag") {
            system.etag = Some(version.into());
        }
        Ok(system)
    }

    async fn look(&mut self) -> Result<Seen, Fault> {
        let mut system = self.system().await?;
        self.complete(&mut system).await?;
        let manager = match (&system.manager, self.root.managers.clone()) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(all)) => self.members(&all).await.ok().and_then(|all| Some(all.into_iter().next()?.0)),
            (None, None) => None,
        };
        let manager = match manager {
            // The node is on or off whatever its BMC says of itself.
            Some(path) => self.resource(&path).await.ok(),
            None => None,
        };
        Ok(system.seen(manager.as_ref()))
    }

    /// Asks for the kinds of reset where the service has them elsewhere.
    async fn complete(&mut self, system: &mut System) -> Result<(), Fault> {
        if let Some(path) = system.action_info.clone().filter(|_| system.resets.is_empty()) {
            system.resets = action_info(&self.resource(&path).await?);
        }
        Ok(())
    }

    async fn act(&mut self, action: Action, allowed: &impl Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        let mut system = self.system().await?;
        self.complete(&mut system).await?;
        // What cannot be done is found before anything is done.
        let kind = reset_type(&system, action)?;
        if action.boots_network() {
            let settings = self.settings(&system).await;
            let change = override_body(&boot(&system, settings.as_ref()), self.line.firmware)?;
            allowed()?;
            self.change(&system, settings, &change).await?;
        }
        if let Some(kind) = kind {
            let target = system.reset.clone().ok_or_else(|| Fault::not_offered("a reset", &[]))?;
            allowed()?;
            let answer = self.client.send(Method::POST, &target, Some(&reset_body(kind)), None).await?;
            checked(self.line, answer)?;
        }
        Ok(())
    }

    async fn take_back(&mut self) -> Result<(), Fault> {
        let system = self.system().await?;
        let settings = self.settings(&system).await;
        let boot = boot(&system, settings.as_ref());
        if !boot.is_pxe() && !system.boot.is_pxe() {
            return Ok(());
        }
        self.change(&system, settings, &take_back_body(&boot)).await
    }

    /// The settings of the system; none when it has none that can be read, and then the system itself is changed.
    async fn settings(&mut self, system: &System) -> Option<Settings> {
        let path = system.settings.clone()?;
        let answer = self.get(&path).await.ok()?;
        let body = answer.json().ok()?;
        let version = answer.header("etag").or(body.get("@odata.etag").and_then(Value::as_str)).map(String::from);
        Some(Settings { path, body, version })
    }

    /// Changes each key where the service has it.
    async fn change(&mut self, system: &System, settings: Option<Settings>, change: &Value) -> Result<(), Fault> {
        let [later, now] = divided(change, settings.as_ref().map(|settings| &settings.body));
        if let (Some(settings), Some(part)) = (settings, later) {
            self.patch(&settings.path, &part, settings.version).await?;
        }
        match now {
            Some(part) => self.patch(&system.path, &part, system.etag.clone()).await,
            None => Ok(()),
        }
    }

    async fn patch(&mut self, path: &str, change: &Value, version: Option<String>) -> Result<(), Fault> {
        let answer = self.client.send(Method::PATCH, path, Some(change), version.as_deref()).await?;
        // Some services compare a weak version as if it were a strong one, which never fits.
        let strong = version.as_deref().and_then(|version| version.strip_prefix("W/"));
        let answer = match (answer.status, strong) {
            (StatusCode::PRECONDITION_FAILED, Some(strong)) => {
                self.client.send(Method::PATCH, path, Some(change), Some(strong)).await?
            }
            _ => answer,
        };
        checked(self.line, answer).map(drop)
    }
}

/// What takes effect at the next boot (`@Redfish.Settings`).
struct Settings {
    path: String,
    body: Value,
    version: Option<String>,
}

/// How the next boot is overridden, by the settings where they say it.
fn boot(system: &System, settings: Option<&Settings>) -> Boot {
    settings.map_or_else(|| system.boot.clone(), |settings| system.boot.with(&settings.body))
}

/// The answer if it is a good one, or else what it says.
fn checked(line: &Line<'_>, answer: Answer) -> Result<Answer, Fault> {
    let power = line.power;
    match answer.status {
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(Fault::credentials(&power.user, &power.secret, &said(&answer.body))),
        StatusCode::FORBIDDEN => {
            let text = format!("the account `{}` may not do this at the BMC: {}", power.user, said(&answer.body));
            Err(Fault::new(text, "give the account the role of an operator at the BMC"))
        }
        status => {
            let text = format!("the BMC answers {}: {}", status.as_u16(), said(&answer.body));
            Err(Fault::new(text, "look at the BMC's own page; its log may say more"))
        }
    }
}
