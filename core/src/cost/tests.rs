use super::*;

fn tally(sent: u64) -> Tally {
    Tally { sent, failed: sent / 10, bytes_sent: sent * 3, bytes_received: sent * 5 }
}

/// A different count for each operation: powers of two, so that every sum tells what is in it.
fn counted() -> Requests {
    Requests::count(|operation| tally(1 << (operation as u32 + 4)))
}

#[test]
fn operations_are_kept_in_order_and_apart() {
    for (at, operation) in Operation::ALL.into_iter().enumerate() {
        assert_eq!(operation as usize, at, "{operation:?}");
        assert_eq!(counted().operation(operation), tally(1 << (at + 4)));
    }
}

#[test]
fn every_operation_is_in_the_class_that_it_is_billed_in() {
    let of = |class| {
        let mut names = Operation::ALL.into_iter().filter(|one| one.class() == class);
        names.by_ref().map(Operation::as_str).collect::<std::vec::Vec<_>>().join(" ")
    };
    assert_eq!(of(Class::Get), "get head");
    assert_eq!(of(Class::Put), "list put copy createUpload uploadPart completeUpload");
    assert_eq!(of(Class::Delete), "abortUpload delete deleteMany");
    let mut sum = Tally::default();
    Class::ALL.into_iter().for_each(|class| sum += counted().class(class));
    assert_eq!(sum, counted().total());
    assert_eq!(sum.sent, 0b111_1111_1111 << 4);
    assert_eq!(counted().class(Class::Get).bytes_received, (16 + 32) * 5);
}

#[test]
fn statistics_show_classes_and_only_the_operations_that_there_were() {
    let requests = Requests::count(|operation| match operation {
        Operation::Head | Operation::DeleteMany => tally(10),
        _ => Tally::default(),
    });
    let json = serde_json::to_value(requests).expect("it is plain data");
    let ten = serde_json::json!({"sent": 10, "failed": 1, "bytesSent": 30, "bytesReceived": 50});
    let none = serde_json::json!({"sent": 0, "failed": 0, "bytesSent": 0, "bytesReceived": 0});
    let shown = serde_json::json!({
        "get": ten, "put": none, "delete": ten, "operations": {"head": ten, "deleteMany": ten},
    });
    assert_eq!(json, shown);
    assert_eq!(serde_json::from_value::<Requests>(json).expect("it was written here"), requests);
}

#[test]
fn operations_of_later_versions_are_passed_over() {
    let json = r#"{"operations": {"rename": {"sent": 3}, "get": {"sent": 2}}}"#;
    let read: Requests = serde_json::from_str(json).expect("more is no harm");
    assert_eq!(read.total(), Tally { sent: 2, ..Tally::default() });
}

#[test]
fn an_estimate_adds_up_requests_and_traffic() {
    let million = |wanted| {
        Requests::count(|operation| Tally {
            sent: u64::from(operation == wanted) * 1_000_000,
            ..Tally::default()
        })
    };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    close(Prices::AWS.estimate(&million(Operation::Get)), 0.4);
    close(Prices::AWS.estimate(&million(Operation::Head)), 0.4);
    close(Prices::AWS.estimate(&million(Operation::Put)), 5.0);
    close(Prices::AWS.estimate(&million(Operation::List)), 5.0);
    close(Prices::AWS.estimate(&million(Operation::DeleteMany)), 0.0);
    let moved = Requests::count(|operation| match operation {
        Operation::Get => Tally { bytes_received: 10 << 30, ..Tally::default() },
        Operation::Put => Tally { bytes_sent: 4 << 30, ..Tally::default() },
        _ => Tally::default(),
    });
    close(Prices::AWS.estimate(&moved), 0.9);
    close(Prices { in_per_gib: 0.5, ..Prices::default() }.estimate(&moved), 2.9);
    let dear = Prices { delete_per_1000: 1.0, ..Prices::AWS };
    close(dear.estimate(&million(Operation::Delete)), 1_000.0);
    close(Prices::AWS.estimate(&Requests::default()), 0.0);
}
