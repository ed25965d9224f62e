// Compresses three words into two with one row of full adders: x + y + z = sum + carry modulo 2^BITS.
module carry_save_adder #(
    parameter BITS = 16
) (
    input  wire [BITS-1:0] x,
    input  wire [BITS-1:0] y,
    input  wire [BITS-1:0] z,
    output wire [BITS-1:0] sum,
    output wire [BITS-1:0] carry
);

    wire [BITS-1:0] majority = (x & y) | (z & (x ^ y));

    assign sum   = x ^ y ^ z;
    assign carry = {majority[BITS-2:0], 1'b0};

endmodule
