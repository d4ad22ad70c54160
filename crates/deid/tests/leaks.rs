//! One test for each leak that must not compile (house rule 1 and 2).

#[test]
fn leaks_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/leaks/*.rs");
}
