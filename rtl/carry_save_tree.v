// Wallace tree over ROWS words: three words become two on every level, until two are left.
// Source: Wallace, A Suggestion for a Fast Multiplier, IEEE Trans. Electronic Computers EC-13, 1964.
module carry_save_tree #(
    parameter ROWS = 9,
    parameter BITS = 16
) (
    input  wire [ROWS*BITS-1:0] rows,
    output wire [BITS-1:0]      sum,
    output wire [BITS-1:0]      carry
);

    localparam GROUPS = ROWS / 3;
    localparam LEFT   = ROWS - 3 * GROUPS;
    localparam NEXT   = 2 * GROUPS + LEFT;

    genvar g;
    generate
        if (ROWS == 1) begin : single
            assign sum   = rows;
            assign carry = {BITS{1'b0}};
        end else if (ROWS == 2) begin : pair
            assign sum   = rows[0 +: BITS];
            assign carry = rows[BITS +: BITS];
        end else begin : level
            wire [NEXT*BITS-1:0] next;
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                carry_save_adder #(.BITS(BITS)) compress (
                    .x(rows[(3*g)*BITS +: BITS]),
                    .y(rows[(3*g+1)*BITS +: BITS]),
                    .z(rows[(3*g+2)*BITS +: BITS]),
                    .sum(next[(2*g)*BITS +: BITS]),
                    .carry(next[(2*g+1)*BITS +: BITS])
                );
            end
            if (LEFT > 0) begin : pass
                assign next[2*GROUPS*BITS +: LEFT*BITS] = rows[3*GROUPS*BITS +: LEFT*BITS];
            end
            carry_save_tree #(.ROWS(NEXT), .BITS(BITS)) below (.rows(next), .sum(sum), .carry(carry));
        end
    endgenerate

endmodule
