//! The host's side of `wit/task/0.1.1`, generated. It serves guests built against 0.1.0 too, since that has nothing else
//! and Wasmtime matches versions as semver does.

wasmtime::component::bindgen!({
    path: "../../wit/task/0.1.1",
    world: "task",
    imports: {
        "cofferdam:task/xcom.pull": async | trappable,
        "cofferdam:task/checkpoint": async | trappable,
        "cofferdam:task/config": async | trappable,
        "cofferdam:task/artifacts": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "cofferdam:task/artifacts.writer": crate::capabilities::Writer,
        "cofferdam:task/artifacts.reader": crate::capabilities::Reader,
    },
});
