// Baugh-Wooley partial products, a Wallace tree, and one carry-propagate adder.
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
    localparam SIGNED_BITS  = ACTIVATION_BITS + (ACTIVATION_SIGNED == 0);
    localparam PRODUCT_BITS = WEIGHT_BITS + SIGNED_BITS;

    wire [ACTIVATION_BITS:0]                  extended = {1'b0, activation};
    wire [(WEIGHT_BITS+1)*PRODUCT_BITS-1:0]   rows;
    wire [PRODUCT_BITS-1:0]                   sum;
    wire [PRODUCT_BITS-1:0]                   carry;
    wire [PRODUCT_BITS-1:0]                   total = sum + carry;

    baugh_wooley_rows #(.WEIGHT_BITS(WEIGHT_BITS), .ACTIVATION_BITS(SIGNED_BITS)) partial (
        .weight(weight), .activation(extended[SIGNED_BITS-1:0]), .rows(rows)
    );
    carry_save_tree #(.ROWS(WEIGHT_BITS + 1), .BITS(PRODUCT_BITS)) tree (.rows(rows), .sum(sum), .carry(carry));

    assign product = total[WEIGHT_BITS+ACTIVATION_BITS-1:0];

endmodule
