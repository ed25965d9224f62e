// Baugh-Wooley partial products, added row by row in carry-save form, and one carry-propagate adder at the bottom.
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
    wire [WEIGHT_BITS*PRODUCT_BITS-1:0]       sums;
    wire [WEIGHT_BITS*PRODUCT_BITS-1:0]       carries;

    baugh_wooley_rows #(.WEIGHT_BITS(WEIGHT_BITS), .ACTIVATION_BITS(SIGNED_BITS)) partial (
        .weight(weight), .activation(extended[SIGNED_BITS-1:0]), .rows(rows)
    );

    // The chain starts with the correction row and the first partial product.
    assign sums[0 +: PRODUCT_BITS]    = rows[WEIGHT_BITS*PRODUCT_BITS +: PRODUCT_BITS];
    assign carries[0 +: PRODUCT_BITS] = rows[0 +: PRODUCT_BITS];

    genvar i;
    generate
        for (i = 1; i < WEIGHT_BITS; i = i + 1) begin : row
            carry_save_adder #(.BITS(PRODUCT_BITS)) add (
                .x(rows[i*PRODUCT_BITS +: PRODUCT_BITS]),
                .y(sums[(i-1)*PRODUCT_BITS +: PRODUCT_BITS]),
                .z(carries[(i-1)*PRODUCT_BITS +: PRODUCT_BITS]),
                .sum(sums[i*PRODUCT_BITS +: PRODUCT_BITS]),
                .carry(carries[i*PRODUCT_BITS +: PRODUCT_BITS])
            );
        end
    endgenerate

    wire [PRODUCT_BITS-1:0] total = sums[(WEIGHT_BITS-1)*PRODUCT_BITS +: PRODUCT_BITS]
                                  + carries[(WEIGHT_BITS-1)*PRODUCT_BITS +: PRODUCT_BITS];

    assign product = total[WEIGHT_BITS+ACTIVATION_BITS-1:0];

endmodule
