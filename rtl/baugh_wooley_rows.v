// Partial products of a signed x signed product after Baugh and Wooley: every row is positive, one row corrects.
//
// Row i < WEIGHT_BITS holds weight bit i times the activation at weight 2^i; the terms that carry one operand's sign
// are inverted, and the last row holds the constants that the inversions leave. The sum of all rows, modulo
// 2^PRODUCT_BITS, is the product.
// Source: Baugh and Wooley, A Two's Complement Parallel Array Multiplication Algorithm, IEEE ToC C-22, 1973.
module baugh_wooley_rows #(
    parameter WEIGHT_BITS = 8,
    parameter ACTIVATION_BITS = 8,
    parameter PRODUCT_BITS = WEIGHT_BITS + ACTIVATION_BITS
) (
    input  wire [WEIGHT_BITS-1:0]                    weight,
    input  wire [ACTIVATION_BITS-1:0]                activation,
    output wire [(WEIGHT_BITS+1)*PRODUCT_BITS-1:0]   rows
);

    localparam [63:0] CORRECTION = (64'd1 << (WEIGHT_BITS - 1)) + (64'd1 << (ACTIVATION_BITS - 1))
                                 + (64'd1 << (WEIGHT_BITS + ACTIVATION_BITS - 1));

    genvar i, j;
    generate
        for (i = 0; i < WEIGHT_BITS; i = i + 1) begin : row
            wire [ACTIVATION_BITS-1:0] bits;
            for (j = 0; j < ACTIVATION_BITS; j = j + 1) begin : column
                if ((i == WEIGHT_BITS - 1) != (j == ACTIVATION_BITS - 1))
                    assign bits[j] = ~(weight[i] & activation[j]);
                else
                    assign bits[j] = weight[i] & activation[j];
            end
            assign rows[i*PRODUCT_BITS +: PRODUCT_BITS] = {{(PRODUCT_BITS - ACTIVATION_BITS){1'b0}}, bits} << i;
        end
    endgenerate

    assign rows[WEIGHT_BITS*PRODUCT_BITS +: PRODUCT_BITS] = CORRECTION[PRODUCT_BITS-1:0];

endmodule
