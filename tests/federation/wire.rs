//! The wire is a reviewed diff: generated code is committed, and this test generates it again.

use std::{fs, path::Path};

use prost::Message;

#[test]
fn the_committed_wire_code_is_what_the_definitions_give() {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("proto");
    let files = ["objects", "exchange", "operator"].map(|f| proto.join(format!("talanoa/v1/{f}.proto")));
    let descriptors = protox::compile(files, [&proto]).unwrap();
    let reflected = descriptors.encode_to_vec();
    let out = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .client_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .out_dir(out.path())
        .compile_fds(descriptors)
        .unwrap();
    let generated = fs::read_to_string(out.path().join("talanoa.v1.rs")).unwrap();
    let committed = proto.join("src/wire/talanoa.v1.rs");
    if std::env::var_os("TALANOA_REGENERATE").is_some() {
        fs::write(&committed, &generated).unwrap();
        fs::write(proto.join("src/wire/talanoa.v1.binpb"), &reflected).unwrap();
    }
    let same = fs::read_to_string(&committed).unwrap() == generated
        && fs::read(proto.join("src/wire/talanoa.v1.binpb")).unwrap() == reflected;
    assert!(same, "proto/src/wire differs: TALANOA_REGENERATE=1 cargo test -p talanoa-tests wire");
}
