// Signed multiplier written as a product: the synthesis tool chooses the architecture.
(* keep_hierarchy *)
module multiplier #(
    parameter WEIGHT_BITS = 8,
    parameter ACTIVATION_BITS = 8,
    parameter ACTIVATION_SIGNED = 1
) (
    input  wire [WEIGHT_BITS-1:0]                 weight,
    input  wire [ACTIVATION_BITS-1:0]             activation,
    output wire [WEIGHT_BITS+ACTIVATION_BITS-1:0] product
);

    wire activation_sign = (ACTIVATION_SIGNED != 0) & activation[ACTIVATION_BITS-1];

    assign product = $signed(weight) * $signed({activation_sign, activation});

endmodule
