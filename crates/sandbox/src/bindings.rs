//! The host's side of `wit/task/0.1.0`, generated.

wasmtime::component::bindgen!({
    path: "../../wit/task/0.1.0",
    world: "task",
    imports: {
        "cofferdam:task/xcom.pull": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
