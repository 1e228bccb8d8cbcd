//! Writers in processes of their own that know nothing of each other: one of them wins, and the others are told.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tiered_storage_tests::server::{Object, Options, Server};

use super::world::BUCKET;

const WRITERS: usize = 4;
const ROUNDS: usize = 6;

/// A process that writes what it is told.
struct Writer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Writer {
    fn start(server: &Server) -> Self {
        let Options { access_key, secret_key, .. } = server.options();
        let mut child = Command::new(env!("CARGO_BIN_EXE_s3-entry"))
            .args([&server.endpoint(), BUCKET, access_key, secret_key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built with this test");
        let orders = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, orders, answers }
    }

    fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").expect("it listens");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("an answer is JSON")
    }

    fn end(mut self) {
        drop(self.orders);
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Has all write to a key at once, and gives who were not refused, and by what the others were.
fn race(writers: &mut [Writer], order: &Value) -> (Vec<usize>, Vec<Value>) {
    for (at, writer) in writers.iter_mut().enumerate() {
        let mut order = order.clone();
        order["text"] = json!(format!("of {at}"));
        writer.order(&order);
    }
    let (mut won, mut refused) = (Vec::new(), Vec::new());
    for (at, writer) in writers.iter_mut().enumerate() {
        let answer = writer.answer();
        match answer.get("refused") {
            Some(kind) => refused.push(kind.clone()),
            None => {
                assert_eq!(answer["text"], format!("of {at}"));
                won.push(at);
            }
        }
    }
    (won, refused)
}

#[test]
fn of_many_processes_that_write_conditionally_one_wins_each_round() {
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let mut writers: Vec<Writer> = (0..WRITERS).map(|_| Writer::start(&server)).collect();
    let mut check = |order: Value| {
        let (won, refused) = race(&mut writers, &order);
        let [winner] = won[..] else { panic!("{order}: {won:?} won") };
        assert_eq!(refused, vec![json!("conflict"); WRITERS - 1]);
        let key = order["key"].as_str().expect("an order has a key");
        let object = server.object(BUCKET, key).expect("somebody has won");
        assert_eq!(object.body, format!("of {winner}"));
    };
    for round in 0..ROUNDS {
        let key = format!("round-{round}");
        check(json!({"key": key, "ifAbsent": true}));
        // Over what a winner wrote, its own bytes again would be the same version to S3.
        let theirs = Object::new("what another program wrote");
        server.put_object_raw(BUCKET, &key, theirs.clone());
        check(json!({"key": key, "ifVersion": theirs.etag}));
    }
    writers.into_iter().for_each(Writer::end);
}

#[test]
fn where_conditions_are_not_heeded_every_process_is_told_so() {
    let options = Options { ignores_conditions: true, ..Options::default() };
    let server = Server::start(options).expect("loopback can be listened on");
    let mut writers: Vec<Writer> = (0..WRITERS).map(|_| Writer::start(&server)).collect();
    let (won, refused) = race(&mut writers, &json!({"key": "k", "ifAbsent": true}));
    assert_eq!((won, refused), (vec![], vec![json!("unsupported"); WRITERS]));
    assert!(server.object(BUCKET, "k").is_none(), "nothing was written");
    writers.into_iter().for_each(Writer::end);
}
