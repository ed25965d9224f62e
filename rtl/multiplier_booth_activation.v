// Booth multiplier that recodes the activation: its digits select multiples of the other operand.
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

    // An unsigned activation is a signed one with a zero on top.
    localparam SIGNED_BITS = ACTIVATION_BITS + (ACTIVATION_SIGNED == 0);

    wire [ACTIVATION_BITS:0]           extended = {1'b0, activation};
    wire [WEIGHT_BITS+SIGNED_BITS-1:0] full;

    booth_multiplier #(.RECODED_BITS(SIGNED_BITS), .OTHER_BITS(WEIGHT_BITS)) booth (
        .recoded(extended[SIGNED_BITS-1:0]), .other(weight), .product(full)
    );

    assign product = full[WEIGHT_BITS+ACTIVATION_BITS-1:0];

endmodule
