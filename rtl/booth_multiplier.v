// Radix-4 Booth multiplier of two signed operands: `recoded` is cut into digits -2..2 that select multiples of `other`.
//
// Sign extension is replaced by an inverted sign bit and a constant: a row whose sign weighs -2^k equals the same row
// with the inverted sign at +2^k, less 2^k.
// Source: MacSorley, High-Speed Arithmetic in Binary Computers, Proc. IRE 49, 1961.
module booth_multiplier #(
    parameter RECODED_BITS = 8,
    parameter OTHER_BITS = 8
) (
    input  wire [RECODED_BITS-1:0]            recoded,
    input  wire [OTHER_BITS-1:0]              other,
    output wire [RECODED_BITS+OTHER_BITS-1:0] product
);

    localparam DIGITS       = (RECODED_BITS + 1) / 2;
    localparam PRODUCT_BITS = RECODED_BITS + OTHER_BITS;
    localparam ROWS         = DIGITS + 2;

    // One sign bit above (for an odd width) and the implied zero below the digits.
    wire [2*DIGITS:0]                extended = {{(2*DIGITS - RECODED_BITS + 1){recoded[RECODED_BITS-1]}},
                                                 recoded[RECODED_BITS-2:0], 1'b0};
    wire [OTHER_BITS:0]              once     = {other[OTHER_BITS-1], other};
    wire [OTHER_BITS:0]              twice    = {other, 1'b0};
    wire [ROWS*PRODUCT_BITS-1:0]     rows;
    wire [PRODUCT_BITS-1:0]          negations;
    wire [PRODUCT_BITS-1:0]          sum;
    wire [PRODUCT_BITS-1:0]          carry;

    genvar i;
    generate
        for (i = 0; i < DIGITS; i = i + 1) begin : digit
            wire negative = extended[2*i+2];
            wire single   = extended[2*i+1] ^ extended[2*i];
            wire double   = (extended[2*i+2] ^ extended[2*i+1]) & ~single;
            wire [OTHER_BITS:0] multiple = (({(OTHER_BITS + 1){single}} & once) | ({(OTHER_BITS + 1){double}} & twice))
                                         ^ {(OTHER_BITS + 1){negative}};
            wire [PRODUCT_BITS+1:0] row = {{(PRODUCT_BITS - OTHER_BITS + 1){1'b0}},
                                           ~multiple[OTHER_BITS], multiple[OTHER_BITS-1:0]};
            wire [PRODUCT_BITS+1:0] shifted = row << (2*i);
            assign rows[i*PRODUCT_BITS +: PRODUCT_BITS] = shifted[PRODUCT_BITS-1:0];
            assign negations[2*i] = negative;
            if (2*i + 1 < PRODUCT_BITS) begin : between
                assign negations[2*i+1] = 1'b0;
            end
        end
        if (2*DIGITS < PRODUCT_BITS) begin : above
            assign negations[PRODUCT_BITS-1:2*DIGITS] = 0;
        end
    endgenerate

    // -(4^0 + 4^1 + ... + 4^(DIGITS-1)) * 2^OTHER_BITS: what the inverted sign bits added too much.
    localparam [63:0] EXCESS = (((64'd1 << (2*DIGITS)) - 64'd1) / 64'd3) << OTHER_BITS;
    localparam [63:0] CORRECTION = 64'd0 - EXCESS;

    assign rows[DIGITS*PRODUCT_BITS +: PRODUCT_BITS]     = negations;
    assign rows[(DIGITS+1)*PRODUCT_BITS +: PRODUCT_BITS] = CORRECTION[PRODUCT_BITS-1:0];

    carry_save_tree #(.ROWS(ROWS), .BITS(PRODUCT_BITS)) tree (.rows(rows), .sum(sum), .carry(carry));

    assign product = sum + carry;

endmodule
