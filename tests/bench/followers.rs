//! A node with 28 followers that has nothing to say: what it costs to be there.

use std::time::Duration;

use talanoa_node::home::Home;
use talanoa_tests::{
    Member, charter, free_ports,
    load::{LoadReader, Operator, resident_mib},
};

use crate::Row;

const FOLLOWERS: usize = 28;
const IDLE_SECONDS: u64 = 60;

pub async fn rows() -> Vec<Row> {
    let root = tempfile::tempdir().unwrap();
    let ports = free_ports::<{ FOLLOWERS + 1 }>();
    let code = |n: usize| format!("{}{}", (b'A' + (n / 26) as u8) as char, (b'A' + (n % 26) as u8) as char);
    let mut members: Vec<Member> =
        ports.iter().enumerate().map(|(n, port)| Member::init(root.path(), &code(n), *port)).collect();
    charter(root.path(), &members.iter().collect::<Vec<_>>());
    members[0].serve();
    let alone = resident_mib(members[0].pid());
    let operator = Operator::connect(&members[0].dir).await.unwrap();
    operator.publish("A", bytes::Bytes::from_static(b"document")).await.unwrap();
    for n in 1..=FOLLOWERS {
        members[0].grant(&code(n), "all");
    }
    let publisher = Home::open(&members[0].dir).unwrap();
    let address = format!("127.0.0.1:{}", members[0].port);
    let charter = root.path().join("charter.txt");
    let mut followers = Vec::new();
    for member in &members[1..] {
        let home = Home::open(&member.dir).unwrap();
        let mut follower = LoadReader::connect(&charter, &home, &publisher, &address).await.unwrap();
        follower.next_release().await.unwrap();
        followers.push(follower);
    }
    let before = processor_seconds(members[0].pid());
    tokio::time::sleep(Duration::from_secs(IDLE_SECONDS)).await;
    let used = processor_seconds(members[0].pid()) - before;
    let memory = resident_mib(members[0].pid());
    drop(followers);
    members[0].judge();
    vec![
        Row::new(
            format!("memory of an idle node with {FOLLOWERS} followers"),
            format!("{memory:.1} MiB"),
            format!("{alone:.1} MiB: the same node before any of them came"),
            memory / alone,
        ),
        Row::alone(
            format!("processor time of that node in {IDLE_SECONDS} s"),
            format!("{:.0} ms ({:.2} % of one processor)", used * 1000.0, used * 100.0 / IDLE_SECONDS as f64),
        ),
    ]
}

/// User and system time; the kernel counts in hundredths.
pub fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
