// Adds a signed product to a wider partial sum; overflow wraps.
(* keep_hierarchy *)
module adder #(
    parameter PRODUCT_BITS = 16,
    parameter PSUM_BITS = 32
) (
    input  wire [PRODUCT_BITS-1:0] product,
    input  wire [PSUM_BITS-1:0]    psum,
    output wire [PSUM_BITS-1:0]    sum
);

    assign sum = psum + {{(PSUM_BITS - PRODUCT_BITS){product[PRODUCT_BITS-1]}}, product};

endmodule
