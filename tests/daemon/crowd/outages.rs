//! Outages under traffic: a server that stops at random moments while nodes install, report and are reimaged. What somebody
//! was told once is so afterwards, and no permit is spent twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::link::Link;
use super::node::{self, Node};
use super::site;

pub const NODES: u16 = 8;

/// What an outage ends and a start brings back.
pub trait Server {
    /// Stops it as hard as it can be; does not return before it has stopped.
    fn fails(&mut self);

    /// Starts it, and waits until it answers.
    fn serves(&mut self) -> Result<(), String>;

    /// What a verb of the command line prints.
    fn asks(&self, words: &[&str]) -> Result<String, String>;

    fn log(&self) -> String;

    fn log_end(&self) -> String {
        site::end_of(&self.log())
    }
}

/// How a run goes.
pub struct Plan {
    pub outages: u64,
    /// How long traffic goes on before each of them.
    pub pauses: Vec<Duration>,
    /// How often a node asks whether it is armed.
    pub poll: Duration,
    /// How long a node waits for an answer before it asks again.
    pub patience: Duration,
}

/// How far each node is known to be. A life has four steps: armed, installing, firstboot, ready.
#[derive(Clone, Default)]
struct Known(Arc<Mutex<BTreeMap<String, usize>>>);

impl Known {
    fn told(&self, name: String, step: usize) {
        let mut known = self.0.lock().unwrap();
        let before = known.entry(name).or_default();
        *before = step.max(*before);
    }

    /// Whether the node gets there within some seconds: the operator's order is answered before it is noted here.
    async fn reaches(&self, name: &str, step: usize) -> bool {
        for _ in 0..100 {
            if self.now().get(name).is_some_and(|known| *known >= step) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    fn now(&self) -> BTreeMap<String, usize> {
        self.0.lock().unwrap().clone()
    }
}

/// How often a node boots once more because it is told so.
const REBOOTS: usize = 2;

/// One node through life after life, until it is told to stop at the end of one. `outages` counts them, each before it begins.
async fn lives_again(
    node: Node,
    poll: Duration,
    known: Known,
    over: Arc<AtomicBool>,
    outages: Arc<AtomicU64>,
) -> Result<(), String> {
    let (name, path) = (node.name(), node.boot_path());
    let knows = |life: usize, step: usize| known.told(name.clone(), 4 * life + step);
    let mut reboots = 0;
    let mut life = 0;
    loop {
        // Until its operator has armed it, the node boots its disk.
        let token = loop {
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            match node::token(&node.gets(&path).await?) {
                Some(token) => break token,
                None => tokio::time::sleep(poll).await,
            }
        };
        knows(life, 1);
        let told = outages.load(Ordering::SeqCst);
        if let Err(what) = node.installs(&token, |step| knows(life, step)).await {
            // A question that it gave up may be answered after the one that it asked instead, when both waited for the server to
            // start: then its boot is not the newest, and it is told to reboot. Across an outage that would be a token lost.
            let is_told = what.contains("/kickstart/") && what.contains(": 410 ");
            if is_told && reboots < REBOOTS && told == outages.load(Ordering::SeqCst) {
                reboots += 1;
                continue;
            }
            return Err(format!(
                "{what}, in life {life}, {} outages after its boot",
                outages.load(Ordering::SeqCst) - told
            ));
        }
        if node::token(&node.gets(&path).await?).is_some() {
            return Err(format!("{name} is installed again in life {life}"));
        }
        if let Err(what) = node.becomes_ready(&token).await {
            // The server wrote down that it is ready and failed before it said so; its operator saw it, and ordered it anew.
            let is_over = what.contains("/report/") && what.contains(": 410 ");
            if !(is_over && known.reaches(&name, 4 * (life + 1) + 1).await) {
                return Err(format!("{what}, in life {life}"));
            }
        }
        knows(life, 4);
        (life, reboots) = (life + 1, 0);
    }
}

/// How far each node is according to the daemon, in the same count.
fn found(server: &impl Server) -> Result<BTreeMap<String, usize>, String> {
    let mut spent = permits(server)?;
    // Both belong together once no permit is spent between the questions; each node spends one until it is ordered anew.
    let nodes = loop {
        let nodes = site::states(&server.asks(&["status", "--json"])?);
        let again = permits(server)?;
        if again == spent {
            break nodes;
        }
        spent = again;
    };
    let place = |(name, state): (String, String)| {
        let lives = spent.get(&name).copied().unwrap_or(0);
        let step = match (state.as_str(), lives) {
            ("armed", _) => 4 * lives + 1,
            ("installing", 1..) => 4 * lives - 2,
            ("firstboot", 1..) => 4 * lives - 1,
            ("ready", 1..) => 4 * lives,
            _ => return Err(format!("{name} is {state} after {lives} permits")),
        };
        Ok((name, step))
    };
    nodes.into_iter().filter(|(name, _)| name.starts_with("node")).map(place).collect()
}

fn permits(server: &impl Server) -> Result<BTreeMap<String, usize>, String> {
    let lines = server.asks(&["audit", "--action", "wipe-permit", "--limit", "100000", "--json"])?;
    Ok(site::subjects(&lines))
}

/// Whether all that was known before the outage is so; orders each node that is ready anew.
fn after_outage(server: &impl Server, before: &BTreeMap<String, usize>, known: &Known) -> Result<(), String> {
    let found = found(server)?;
    for (name, step) in before {
        // A step more may be there that was on its way; after the server is back, traffic goes on.
        match found.get(name) {
            Some(place) if place >= step => {}
            Some(place) => return Err(format!("{name} was told {step} and is at {place}")),
            None => return Err(format!("{name} was told {step} and is not there")),
        }
    }
    server.asks(&["audit", "verify"])?; // fails when the chain does
    let ready: Vec<(&str, usize)> =
        found.iter().filter(|(_, step)| *step % 4 == 0).map(|(name, step)| (name.as_str(), *step)).collect();
    if !ready.is_empty() {
        let count = ready.len().to_string();
        let names = ready.iter().map(|(name, _)| *name);
        let order =
            ["reimage", "--count", &count, "--yes", "--force", "--reason", "test", "--no-drain", "it is played"];
        server.asks(&order.into_iter().chain(names).collect::<Vec<_>>())?;
        ready.into_iter().for_each(|(name, step)| known.told(name.into(), step + 1));
    }
    Ok(())
}

/// The outages, one after the other; how many facts were acknowledged, or what was lost.
pub fn survives(server: &mut impl Server, link: &Link, plan: &Plan) -> Result<usize, String> {
    let (known, over) = (Known::default(), Arc::new(AtomicBool::new(false)));
    let outages = Arc::new(AtomicU64::new(0));
    let mut facts = 0;
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            link.on_the_other_side(|| {
                node::runs(async |_| {
                    let lives = |n| {
                        let node = Node::of(n).patient(plan.patience);
                        tokio::spawn(lives_again(node, plan.poll, known.clone(), over.clone(), outages.clone()))
                    };
                    let nodes: Vec<_> = (0..NODES).map(lives).collect();
                    let all = async {
                        let mut ends = Vec::new();
                        for node in nodes {
                            ends.push(node.await.unwrap());
                        }
                        ends.into_iter().collect::<Result<Vec<()>, String>>()
                    };
                    // Nodes go on asking a server that is not coming back.
                    let given_up = async {
                        while !over.load(Ordering::Relaxed) {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        tokio::time::sleep(10 * plan.patience).await;
                    };
                    tokio::select! {
                        ends = all => ends,
                        () = given_up => Err("the nodes did not come to an end".into()),
                    }
                })
            })
        });
        let mut outage = |number: u64| {
            std::thread::sleep(plan.pauses[number as usize]);
            outages.fetch_add(1, Ordering::SeqCst);
            server.fails();
            let before = known.now();
            server.serves()?;
            after_outage(server, &before, &known)?;
            facts = before.values().sum();
            Ok(())
        };
        let mut end = Ok(());
        for number in 0..plan.outages {
            // Ends early only when a node was told what cannot be.
            if traffic.is_finished() {
                break;
            }
            end = outage(number).map_err(|what: String| format!("outage {}: {what}", number + 1));
            if end.is_err() {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        let ends = traffic.join().unwrap();
        end.and(ends.map(drop))
    })?;
    let permits = permits(server)?;
    for (name, step) in known.now() {
        let (spent, lives) = (permits.get(&name).copied().unwrap_or(0), step.div_ceil(4));
        // The last order may have found nobody who boots once more.
        if spent != lives && !(step % 4 == 1 && spent + 1 == lives) {
            return Err(format!("{name} spent {spent} permits in {lives} lives"));
        }
    }
    server.asks(&["audit", "verify"])?;
    if server.log().contains("this is a bug") {
        return Err("the log names a bug".into());
    }
    Ok(facts)
}
