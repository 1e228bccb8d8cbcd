use super::shortened;

#[test]
fn both_sides_are_renamed_and_nothing_else() {
    let glue = r#"
        export function get(key) { return wasm.get(wasm.get_all, wasm.memory.buffer, mywasm.get); }
        const imports = { "./glue.js": { call_1: function() { call_1; }, recall_1: 1, call_10: 2 } };
    "#;
    let renamed = r#"{
 "imports": [
  ["./glue.js", "call_1", "$"]
 ],
"exports": [
  ["get", "Aa"],
  ["memory", "b"]
 ]
}"#;
    let shorter = r#"
        export function get(key) { return wasm.Aa(wasm.get_all, wasm.b.buffer, mywasm.get); }
        const imports = { "a": { $: function() { call_1; }, recall_1: 1, call_10: 2 } };
    "#;
    assert_eq!(shortened(glue, renamed), shorter);
}
