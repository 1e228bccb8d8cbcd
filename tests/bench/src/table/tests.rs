use super::*;

#[test]
fn a_table_shows_medians() {
    let mut rounds = Rounds::new("speed", &[("ns", 0), ("Mops/s", 2)]);
    for sample in [5.0, 1.0, 3.0] {
        rounds.add("ours", "ns", sample);
    }
    for sample in [2.0, 4.0] {
        rounds.add("theirs", "ns", sample);
        rounds.add("ours", "Mops/s", sample * 100.0);
    }
    let table = rounds.medians();
    assert_eq!(table.number("ours", "ns"), Some(3.0));
    assert_eq!(table.number("theirs", "Mops/s"), None);
    assert_eq!(
        table.to_string(),
        "\nspeed\n\n|        |       ns |   Mops/s |\n|--------|---------:|---------:|\n\
         | ours   |        3 |   300.00 |\n| theirs |        3 |          |\n"
    );
}
